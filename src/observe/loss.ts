// SPDX-License-Identifier: Apache-2.0
import { type BpfMap } from '#libbpf';

/**
 * Sums the CPUs' parts of each counter of a per-CPU array of u64.
 *
 * @param map a `percpu_array` whose values are `counters` u64s, at index `index`
 * @returns one total per counter, since the map was made; 64-bit, wrapping
 */
export function sumPerCpu(map: BpfMap, index: number, counters: number): bigint[] {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  const cells = map.lookup(key);
  const stride = Math.ceil(map.info.valueSize / 8) * 8;
  if (cells === undefined || counters * 8 > stride) throw new RangeError(`map ${map.name} has no ${counters} counters at ${index}`);
  const totals: bigint[] = Array.from({ length: counters }, () => 0n);
  for (let cell = 0; cell < cells.length; cell += stride) {
    for (let i = 0; i < counters; i++) totals[i] = BigInt.asUintN(64, (totals[i] ?? 0n) + cells.readBigUInt64LE(cell + i * 8));
  }
  return totals;
}

/** Turns counters that only grow into what was added since the last look, so that every loss is reported once. */
export class LossMeter<Name extends string> {
  readonly #names: readonly Name[];
  readonly #read: () => readonly bigint[];
  #last: readonly bigint[];

  /**
   * @param names of the counters, in their order
   * @param read gives their totals now, e.g. `() => sumPerCpu(map, 0, names.length)`; what stands there at construction was
   *   reported by an earlier agent and is not counted
   */
  constructor(names: readonly Name[], read: () => readonly bigint[]) {
    this.#names = names;
    this.#read = read;
    this.#last = read();
  }

  /** What each counter grew by since the last call. */
  take(): Record<Name, bigint> {
    const now = this.#read();
    const grown = this.#names.map((name, i) => [name, BigInt.asUintN(64, (now[i] ?? 0n) - (this.#last[i] ?? 0n))] as const);
    this.#last = now;
    return Object.fromEntries(grown) as Record<Name, bigint>;
  }
}
