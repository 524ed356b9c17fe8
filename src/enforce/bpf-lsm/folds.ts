// SPDX-License-Identifier: Apache-2.0
import type { KernelEvent } from '#events';
import type { BpfMap } from '#libbpf';
import { FOLD } from './event-layout.gen.ts';

/** Events whose repetitions can still be told; more than the kernel folds at a time. */
const REMEMBERED_MAX = 16_384;
/** After this an event that did not come again is forgotten: its next one is written at once. */
const QUIET_NS = 2_000_000_000n;
/** Folds looked at in one go, a millisecond at most: meanwhile no ring is read. */
const STEP_FOLDS = 64;

/**
 * The repetitions of events that the kernel only counted (bpf/lib/emit.h): given out as one more event with a count, so
 * that what was generated is delivered or counted as lost.
 */
export class Folds {
  readonly #map: BpfMap;
  readonly #events = new Map<bigint, KernelEvent>();
  /** Where the walk through the map goes on; undefined at its beginning. */
  #next: Buffer | undefined;

  /** @param map `folds` or `log_folds` */
  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Remembers what an id stands for. */
  note(id: bigint, event: KernelEvent): void {
    if (id === 0n) return;
    this.#events.set(id, event);
    if (this.#events.size > REMEMBERED_MAX) this.#events.delete(this.#events.keys().next().value!);
  }

  /** A walk through the map is under way: `collect` is to be called again soon. */
  get isWalking(): boolean {
    return this.#next !== undefined;
  }

  /**
   * Collects what was not repeated for a while, of the next few folds.
   *
   * @param nowNs CLOCK_MONOTONIC
   * @returns how many repetitions belong to events that are not remembered: lost
   */
  collect(nowNs: bigint, onEvent: (event: KernelEvent) => void): number {
    let lost = 0;
    const value = Buffer.alloc(this.#map.cellBytes);
    this.#next ??= this.#map.nextKey();
    for (let i = 0; i < STEP_FOLDS && this.#next !== undefined; i++) {
      const key = this.#next;
      this.#next = this.#map.nextKey(key); // before the key is taken out, as nothing comes behind it then
      if (!this.#map.lookupInto(key, value) || nowNs - value.readBigUInt64LE(FOLD.offsets.emitted_ns) < QUIET_NS) continue;
      lost += this.#take(key, value.readBigUInt64LE(FOLD.offsets.id), onEvent);
    }
    return lost;
  }

  #take(key: Buffer, id: bigint, onEvent: (event: KernelEvent) => void): number {
    const count = this.#map.take(key)?.readUInt32LE(FOLD.offsets.pending) ?? 0;
    const event = this.#events.get(id);
    this.#events.delete(id);
    if (count > 0 && event !== undefined) onEvent({ ...event, count });
    return event === undefined ? count : 0;
  }
}
