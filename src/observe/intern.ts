// SPDX-License-Identifier: Apache-2.0

interface Entry {
  readonly hash: number;
  readonly bytes: Uint8Array;
  readonly text: string;
}

const FNV_PRIME = 0x0100_0193;
const FNV_BASIS = 0x811c_9dc5;

/**
 * Turns byte ranges into strings and gives the same string for the same bytes: a path that repeats costs no new one.
 *
 * A cache of fixed size: a slot keeps the last string that fell on it. Bytes are compared, never only their hash, so hostile
 * names can make it slow but never wrong.
 */
export class StringInterner {
  readonly #slots: (Entry | undefined)[];
  readonly #mask: number;
  readonly #maxBytes: number;

  /**
   * @param slots a power of two
   * @param maxBytes longer strings are made anew each time, so memory stays below `slots` × about 3 × `maxBytes`
   */
  constructor(slots = 16_384, maxBytes = 512) {
    if (!Number.isInteger(Math.log2(slots))) throw new RangeError(`${slots} slots is not a power of two`);
    this.#slots = Array.from({ length: slots });
    this.#mask = slots - 1;
    this.#maxBytes = maxBytes;
  }

  /** The C string at `offset`: up to its NUL, or `max` bytes without one. Invalid UTF-8 becomes U+FFFD. */
  cString(buffer: Buffer, offset: number, max: number): string {
    const limit = Math.min(offset + max, buffer.length);
    let hash = FNV_BASIS;
    let end = offset;
    for (; end < limit; end++) {
      const byte = buffer[end] ?? 0;
      if (byte === 0) break;
      hash = Math.imul(hash ^ byte, FNV_PRIME);
    }
    return this.#lookup(buffer, offset, { end, hash });
  }

  /** The bytes from `start` to `end`, NULs included. */
  range(buffer: Buffer, start: number, end: number): string {
    let hash = FNV_BASIS;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (buffer[at] ?? 0), FNV_PRIME);
    return this.#lookup(buffer, start, { end, hash });
  }

  #lookup(buffer: Buffer, start: number, { end, hash }: { end: number; hash: number }): string {
    if (end <= start) return '';
    if (end - start > this.#maxBytes) return buffer.toString('utf8', start, end);
    const slot = (hash ^ (hash >>> 15)) & this.#mask;
    const known = this.#slots[slot];
    if (known !== undefined && known.hash === hash && sameBytes(known.bytes, buffer, start, end)) return known.text;
    const text = buffer.toString('utf8', start, end);
    this.#slots[slot] = { hash, bytes: Uint8Array.prototype.slice.call(buffer, start, end), text };
    return text;
  }
}

function sameBytes(known: Uint8Array, buffer: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== buffer[start + i]) return false;
  return true;
}
