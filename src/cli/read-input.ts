// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { KubeArmorError } from '#base';

/** Far above what a policy file may have; the parser names its own limit. */
export const READ_MAX = 64 * 1024 * 1024;

/**
 * Reads a stream to its end as UTF-8. The stream is destroyed when the signal aborts: a reader that waits must not hold us up.
 *
 * @throws {KubeArmorError} `HOST_IO` when it fails or the signal aborts, `LIMIT_EXCEEDED` beyond `READ_MAX` bytes
 */
export async function readToEnd(stream: Readable, name: string, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of addAbortSignal(signal, stream)) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      if (size > READ_MAX) throw new KubeArmorError('LIMIT_EXCEEDED', `reading ${name}: at most ${READ_MAX} bytes are read`);
      chunks.push(bytes);
    }
  } catch (error) {
    if (error instanceof KubeArmorError) throw error;
    throw new KubeArmorError('HOST_IO', `reading ${name}: ${signal.aborted ? 'interrupted' : String(error)}`, { cause: error });
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Reads a FIFO, or a pipe by its name below `/dev/fd`, until its last writer is gone; waits for the first one.
 *
 * Not by `readFile`: that waits in a thread of its own, which nothing ends, not even the end of the process.
 *
 * @throws {KubeArmorError} as `readToEnd`; what `open` throws
 */
export async function readPipe(path: string, signal: AbortSignal): Promise<string> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return await readToEnd(new Socket({ fd, readable: true, writable: false }), path, signal);
  } catch (error) {
    if (error instanceof TypeError) closeSync(fd); // no pipe any more: the socket did not take it
    throw error;
  }
}
