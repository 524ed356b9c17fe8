// SPDX-License-Identifier: Apache-2.0
import type { KernelEvent } from '#events';
import type { BpfMap } from '#libbpf';
import { FOLD } from './event-layout.gen.ts';

/** Alerts whose repetitions can still be told; more than the kernel folds at a time. */
const REMEMBERED_MAX = 16_384;
/** After this an alert that did not come again is forgotten: its next one is written at once. */
const QUIET_NS = 2_000_000_000n;

/**
 * The repetitions of alerts that the kernel only counted (bpf/lib/emit.h): given out as one more event with a count, so
 * that what was generated is delivered or counted as lost.
 */
export class Folds {
  readonly #map: BpfMap;
  readonly #events = new Map<bigint, KernelEvent>();

  /** @param map the map `folds` */
  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Remembers what an id stands for. */
  note(id: bigint, event: KernelEvent): void {
    if (id === 0n) return;
    this.#events.set(id, event);
    if (this.#events.size > REMEMBERED_MAX) this.#events.delete(this.#events.keys().next().value!);
  }

  /**
   * Collects what was not repeated for a while.
   *
   * @param nowNs CLOCK_MONOTONIC
   * @returns how many repetitions belong to alerts that are not remembered: lost
   */
  collect(nowNs: bigint, onEvent: (event: KernelEvent) => void): number {
    let lost = 0;
    const value = Buffer.alloc(this.#map.cellBytes);
    for (const key of this.#map.keys()) {
      if (!this.#map.lookupInto(key, value) || nowNs - value.readBigUInt64LE(FOLD.offsets.emitted_ns) < QUIET_NS) continue;
      const last = this.#map.take(key);
      const count = last?.readUInt32LE(FOLD.offsets.pending) ?? 0;
      const id = value.readBigUInt64LE(FOLD.offsets.id);
      const event = this.#events.get(id);
      this.#events.delete(id);
      if (count === 0) continue;
      if (event === undefined) lost += count;
      else onEvent({ ...event, count });
    }
    return lost;
  }
}
