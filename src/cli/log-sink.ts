// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import { errnoText, KubeArmorError } from '#base';
import type { Io } from './io.ts';
import { printable, printableJson, renderText } from './text.ts';
import type { Text } from './text.ts';

/** Where records go: stdout, a file, or nowhere. */
export interface LogSink extends AsyncDisposable {
  write(entry: LogEntry): Promise<void>;
}

/** A rendered record: JSON as it is, or lines that are made printable. */
export type LogEntry = { readonly json: string } | { readonly lines: readonly Text[] };

/**
 * Opens `stdout`, `none` or a file, which is appended to and, if made, readable by its owner only: arguments hold secrets.
 *
 * @throws {KubeArmorError} `HOST_IO` when the file cannot be opened or written
 */
export async function openLogSink(target: string, io: Io): Promise<LogSink> {
  if (target === 'none') return { write: async () => {}, [Symbol.asyncDispose]: async () => {} };
  if (target === 'stdout') return stdoutSink(io);
  const failing =
    (doing: string) =>
    (error: unknown): never => {
      throw new KubeArmorError('HOST_IO', `${doing} ${printable(target)}: ${errnoText(error)}`, { cause: error });
    };
  const file = await open(target, 'a', 0o600).catch(failing('opening'));
  return {
    write: async (entry) => {
      const lines = 'json' in entry ? [printableJson(entry.json)] : entry.lines.map((line) => renderText(line, false));
      await file.appendFile(`${lines.join('\n')}\n`).catch(failing('writing'));
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

function stdoutSink(io: Io): LogSink {
  return {
    write: async (entry) => {
      if ('json' in entry) return await io.outJson(entry.json);
      for (const line of entry.lines) await io.out(line);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
