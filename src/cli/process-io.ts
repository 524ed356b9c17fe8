// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Io } from './io.ts';
import { printableJson, renderText } from './text.ts';

/** A stream as the process has it. */
export type Output = Writable & { readonly isTTY?: boolean | undefined };

export interface ProcessParts {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted from outside on SIGINT and SIGTERM; from here when the reader of stdout is gone. */
  readonly stop: AbortController;
}

/** The `Io` of a real process. Agent and node are loaded when asked for. */
export function processIo({ stdin, stdout, stderr, env, stop }: ProcessParts): Io {
  const colourOf = (stream: Output): boolean => stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const colours = { out: colourOf(stdout), err: colourOf(stderr) };
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      stop.abort();
    });
  }
  const write = async (text: string): Promise<void> => {
    if (stop.signal.aborted || stdout.write(text)) return;
    await once(stdout, 'drain', { signal: stop.signal }).catch(() => {});
  };
  return {
    signal: stop.signal,
    env: { KUBEARMOR_SERVICE: env['KUBEARMOR_SERVICE'] },
    out: (line) => write(`${renderText(line, colours.out)}\n`),
    outJson: (json) => write(`${printableJson(json)}\n`),
    err: (line) => void stderr.write(`${renderText(line, colours.err)}\n`),
    readStdin: () => readAll(stdin),
    connect: async (to) => (await import('./connect-agent.ts')).connectAgentPort(to),
    localFacts: async () => (await import('./local-facts.ts')).readLocalFacts(),
    agentFile: async (path) => (await import('./agent-file.ts')).readAgentFile(path),
    leftInForce: async (bpffs) => (await import('./left-in-force.ts')).readLeftInForce(bpffs),
    nowMs: () => performance.now(),
    sleep: (ms) => delay(ms, undefined, { signal: stop.signal }).catch(() => {}),
  };
}

async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
