// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, createWriteStream, openSync } from 'node:fs';
import type { Logger } from '#base';

/** Where lines go; a slow or broken reader loses lines, which are counted, and never holds up the agent. */
export interface LineOutput {
  write(line: string): void;
  close(): void;
  /** Lines that did not go out. */
  readonly lost: number;
}

/** What a stream of Node's offers that we need. */
export interface LineStream {
  readonly writableLength: number;
  write(text: string): boolean;
}

/** Bytes that wait for a reader before lines are dropped. */
const WAITING_MAX = 4 * 1024 * 1024;

export function streamOutput(stream: LineStream): LineOutput {
  let lost = 0;
  return {
    write(line) {
      if (stream.writableLength > WAITING_MAX) lost++;
      else stream.write(`${line}\n`);
    },
    close: () => {},
    get lost() {
      return lost;
    },
  };
}

const REOPEN_MS = 5_000;

/**
 * Appends to a file that only its owner reads; no link is followed. After an error (a full disk) lines are lost until it can be
 * opened again, which is tried every 5 seconds.
 */
export function fileOutput(path: string, logger: Logger): LineOutput {
  let lost = 0;
  let stream: ReturnType<typeof createWriteStream> | undefined;
  let triedAtMs = -Infinity;
  const fail = (error: unknown): void => {
    stream = undefined;
    logger.error('the log file cannot be written; its lines are lost', {
      path,
      why: error instanceof Error ? error.message : String(error),
    });
  };
  const open = (): void => {
    triedAtMs = performance.now();
    try {
      const fd = openSync(
        path,
        constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK,
        0o600,
      );
      const opened = createWriteStream(path, { fd, autoClose: false });
      opened.once('error', fail);
      opened.once('close', () => closeSync(fd));
      stream = opened;
    } catch (error) {
      fail(error);
    }
  };
  open();
  return {
    write(line) {
      if (stream === undefined && performance.now() - triedAtMs > REOPEN_MS) open();
      if (stream === undefined || stream.writableLength > WAITING_MAX) lost++;
      else stream.write(`${line}\n`);
    },
    close: () => void stream?.end(),
    get lost() {
      return lost;
    },
  };
}
