// SPDX-License-Identifier: Apache-2.0

/** Paths differ at their end: no more of it is hashed. A multiple of 4. */
const HASHED_BYTES = 16;

/** The same bytes twice: to make strings of, and to read words at any offset. */
export interface ViewedBytes {
  readonly buffer: Buffer;
  readonly view: DataView;
}

export function viewedBytes(buffer: Buffer): ViewedBytes {
  return { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.length) };
}

/**
 * Turns byte ranges into strings and gives the same string for the same bytes: a path that repeats costs no new one.
 *
 * A cache of fixed size: a slot keeps one string, and takes another when that one came there twice in a row; so a flood of
 * strings that come once drives nothing out. Bytes are compared, never only their hash: hostile names can make it slow but
 * never wrong.
 */
export class StringInterner {
  readonly #mask: number;
  readonly #maxBytes: number;
  readonly #texts: string[];
  /** Bytes of a slot's string as words, and how many bytes. */
  readonly #keys: Int32Array;
  readonly #lengths: Uint32Array;
  readonly #lastHashes: Int32Array;

  /**
   * @param slots a power of two
   * @param maxBytes a multiple of 4; longer strings are made anew each time, so memory stays below `slots` × 3 × `maxBytes`
   */
  constructor(slots = 4096, maxBytes = 128) {
    if (!Number.isInteger(Math.log2(slots))) throw new RangeError(`${slots} slots is not a power of two`);
    this.#mask = slots - 1;
    this.#maxBytes = maxBytes;
    this.#texts = Array.from({ length: slots }, () => '');
    this.#keys = new Int32Array((slots * maxBytes) / 4);
    this.#lengths = new Uint32Array(slots);
    this.#lastHashes = new Int32Array(slots);
  }

  /** The C string at `start`: up to its NUL, or `max` bytes without one. Invalid UTF-8 becomes U+FFFD. */
  cString(bytes: ViewedBytes, start: number, max: number): string {
    const { buffer } = bytes;
    const limit = Math.min(start + max, buffer.length);
    let end = start;
    while (end < limit && buffer[end] !== 0) end++;
    return this.range(bytes, start, end);
  }

  /** The bytes from `start` to `end`, NULs included. */
  range(bytes: ViewedBytes, start: number, end: number): string {
    const length = end - start;
    if (length <= 0) return '';
    if (length > this.#maxBytes) return bytes.buffer.toString('utf8', start, end);
    const hash = hashOf(bytes.view, start, end);
    const slot = (hash ^ (hash >>> 15)) & this.#mask;
    if (this.#lengths[slot] === length && this.#isKey(slot, bytes.view, start, end)) return this.#texts[slot]!;
    const text = bytes.buffer.toString('utf8', start, end);
    if (this.#lastHashes[slot] === hash) {
      this.#texts[slot] = text;
      this.#lengths[slot] = length;
      this.#keep(slot, bytes.view, start, end);
    }
    this.#lastHashes[slot] = hash;
    return text;
  }

  #isKey(slot: number, view: DataView, start: number, end: number): boolean {
    let key = (slot * this.#maxBytes) >>> 2;
    for (let at = start; at < end; at += 4) if (wordAt(view, at, end) !== this.#keys[key++]) return false;
    return true;
  }

  #keep(slot: number, view: DataView, start: number, end: number): void {
    let key = (slot * this.#maxBytes) >>> 2;
    for (let at = start; at < end; at += 4) this.#keys[key++] = wordAt(view, at, end);
  }
}

/** Four bytes, or what there is before `end`. */
function wordAt(view: DataView, at: number, end: number): number {
  if (at + 4 <= end) return view.getInt32(at, true);
  let word = 0;
  for (let i = at; i < end; i++) word = (word << 8) | view.getUint8(i);
  return word;
}

function hashOf(view: DataView, start: number, end: number): number {
  let hash = end - start;
  for (let at = Math.max(start, end - HASHED_BYTES); at < end; at += 4) {
    hash = Math.imul(hash ^ wordAt(view, at, end), 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
