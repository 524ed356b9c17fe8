// SPDX-License-Identifier: Apache-2.0
import { randomFillSync } from 'node:crypto';

/** @source RFC 6455, section 5.2 */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly isLast: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

const FINAL = 0x80;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** One whole message from the client: clients mask what they send. */
export function encodeFrame(opcode: number, payload: Buffer): Buffer {
  const wide = payload.length < LENGTH_16 ? 0 : payload.length < 0x10000 ? 2 : 8;
  const frame = Buffer.alloc(2 + wide + 4 + payload.length);
  frame[0] = FINAL | opcode;
  frame[1] = MASKED | (wide === 0 ? payload.length : wide === 2 ? LENGTH_16 : LENGTH_64);
  if (wide === 2) frame.writeUInt16BE(payload.length, 2);
  if (wide === 8) frame.writeBigUInt64BE(BigInt(payload.length), 2);
  const mask = frame.subarray(2 + wide, 6 + wide);
  randomFillSync(mask);
  for (let at = 0; at < payload.length; at++) frame[6 + wide + at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return frame;
}

/** Takes bytes as they come and gives the frames that are whole. */
export class FrameReader {
  readonly #frameMaxBytes: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(frameMaxBytes: number) {
    this.#frameMaxBytes = frameMaxBytes;
  }

  /** @throws {Error} for what a server may not send: a masked frame, or one that is too long */
  push(chunk: Buffer): Frame[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Frame | undefined {
    const held = this.#held;
    const [first, second] = [held[0], held[1]];
    if (first === undefined || second === undefined) return undefined;
    if ((second & MASKED) !== 0) throw new Error('the server sent a masked frame');
    const short = second & 0x7f;
    const wide = short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0;
    if (held.length < 2 + wide) return undefined;
    const length = wide === 0 ? short : wide === 2 ? held.readUInt16BE(2) : Number(held.readBigUInt64BE(2));
    if (length > this.#frameMaxBytes)
      throw new Error(`the server sent a frame of ${length} bytes; at most ${this.#frameMaxBytes} are taken`);
    const end = 2 + wide + length;
    if (held.length < end) return undefined;
    this.#held = held.subarray(end);
    return { isLast: (first & FINAL) !== 0, opcode: first & 0x0f, payload: held.subarray(2 + wide, end) };
  }
}
