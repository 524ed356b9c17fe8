// SPDX-License-Identifier: Apache-2.0

/** Gives equal sequences of 32-bit integers the same small id, counted from 0 in order of first appearance. */
export class SequenceInterner {
  #pool: Int32Array;
  #table: Int32Array;
  readonly #starts: number[] = [0];

  /** @param expected about how many sequences will come: saves growing */
  constructor(expected = 256) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(expected, 1) * 2 + 2));
    this.#pool = new Int32Array(slots);
    this.#table = new Int32Array(slots).fill(-1);
  }

  /** How many different sequences there are. */
  get size(): number {
    return this.#starts.length - 1;
  }

  /** All sequences one after another; valid until the next `intern`. */
  get pool(): Int32Array {
    return this.#pool;
  }

  start(id: number): number {
    return this.#starts[id]!;
  }

  end(id: number): number {
    return this.#starts[id + 1]!;
  }

  /** A copy of one sequence. */
  values(id: number): number[] {
    return Array.from(this.#pool.subarray(this.start(id), this.end(id)));
  }

  /** The id of the first `length` values. */
  intern(values: ArrayLike<number>, length: number): number {
    const mask = this.#table.length - 1;
    let slot = hashOf(values, length) & mask;
    for (let id = this.#table[slot]!; id >= 0; id = this.#table[slot]!) {
      if (this.#equals(id, values, length)) return id;
      slot = (slot + 1) & mask;
    }
    const id = this.size;
    this.#append(values, length);
    this.#table[slot] = id;
    if (id * 2 > mask) this.#rehash();
    return id;
  }

  #equals(id: number, values: ArrayLike<number>, length: number): boolean {
    const start = this.#starts[id]!;
    if (this.#starts[id + 1]! - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.#pool[start + i] !== values[i]) return false;
    return true;
  }

  #append(values: ArrayLike<number>, length: number): void {
    const start = this.#starts[this.size]!;
    const end = start + length;
    if (end > this.#pool.length) {
      const grown = new Int32Array(Math.max(end, this.#pool.length * 2));
      grown.set(this.#pool);
      this.#pool = grown;
    }
    for (let i = 0; i < length; i++) this.#pool[start + i] = values[i]!;
    this.#starts.push(end);
  }

  #rehash(): void {
    this.#table = new Int32Array(this.#table.length * 2).fill(-1);
    const mask = this.#table.length - 1;
    for (let id = 0; id < this.size; id++) {
      const sequence = this.#pool.subarray(this.start(id), this.end(id));
      let slot = hashOf(sequence, sequence.length) & mask;
      while (this.#table[slot]! >= 0) slot = (slot + 1) & mask;
      this.#table[slot] = id;
    }
  }
}

function hashOf(values: ArrayLike<number>, length: number): number {
  let hash = length;
  for (let i = 0; i < length; i++) {
    hash = Math.imul(hash ^ values[i]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
