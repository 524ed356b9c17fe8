// SPDX-License-Identifier: Apache-2.0
import { findComponents } from './components.ts';
import type { Components } from './components.ts';
import type { Dfa } from './dfa.ts';
import { SequenceInterner } from './interner.ts';

/** Rows that one cycle may cost to refine; past it the cycle's states stay apart, which costs size and nothing else. */
const MAX_REFINED_ROWS = 2_000_000;

/**
 * Merges states that behave alike, drops those that cannot be reached, and numbers the rest breadth first.
 *
 * Successors first: a state outside any cycle is compared by its merged row; the states of one cycle are refined among
 * themselves and with those of an earlier cycle that looks alike (Moore).
 */
export function minimise(dfa: Dfa): Dfa {
  const merger = new Merger(dfa, findComponents(dfa));
  return renumber(dfa, merger.merge());
}

class Merger {
  readonly #dfa: Dfa;
  readonly #components: Components;
  /** State to the state that stands for it, of the components done. */
  readonly #merged: Int32Array;
  readonly #rows = new SequenceInterner();
  readonly #rowOwner: number[] = [];
  /** State to block, of the cycle at hand. */
  readonly #block: Int32Array;
  readonly #key: number[] = [];
  /** The first cycle of each signature, by the states that stand for others; and the one that is compared with now. */
  readonly #cycles = new Map<string, { readonly component: number; readonly states: readonly number[] }>();
  readonly #cycleKeys = new SequenceInterner();
  #peer = -1;

  constructor(dfa: Dfa, components: Components) {
    this.#dfa = dfa;
    this.#components = components;
    this.#merged = new Int32Array(dfa.size);
    this.#block = new Int32Array(dfa.size);
  }

  merge(): Int32Array {
    const { count, start, states } = this.#components;
    for (let component = 0; component < count; component++) {
      const members = states.subarray(start[component]!, start[component + 1]!);
      if (members.length === 1) this.#mergeSingle(members[0]!);
      else this.#mergeCycle(members);
    }
    return this.#merged;
  }

  #mergeSingle(state: number): void {
    this.#block[state] = 0;
    this.#peer = -1;
    this.#buildKey(state);
    const row = this.#rows.intern(this.#key, this.#key.length);
    if (row === this.#rowOwner.length) this.#rowOwner.push(this.#isDead() ? 0 : state);
    this.#merged[state] = this.#rowOwner[row]!;
  }

  #mergeCycle(members: Int32Array): void {
    for (const state of members) this.#block[state] = 0;
    this.#peer = -1;
    const signature = this.#signatureOf(members);
    const peer = this.#cycles.get(signature);
    this.#peer = peer?.component ?? -1;
    const group = peer === undefined ? members : Int32Array.of(...peer.states, ...members);
    const settled = this.#refineToEnd(group);
    const owner = new Map<number, number>();
    for (const state of settled ? group : members) {
      const block = settled ? this.#block[state]! : state;
      if (!owner.has(block)) owner.set(block, state);
      this.#merged[state] = owner.get(block)!;
    }
    if (settled && peer === undefined)
      this.#cycles.set(signature, { component: this.#components.of[members[0]!]!, states: [...owner.values()] });
  }

  /** What the states of a cycle do, seen from outside: cycles that behave alike have the same. */
  #signatureOf(members: Int32Array): string {
    const keys = new Set<number>();
    for (const state of members) {
      this.#buildKey(state);
      keys.add(this.#cycleKeys.intern(this.#key, this.#key.length));
    }
    return [...keys].sort((a, b) => a - b).join();
  }

  /** Whether the blocks came to rest before the work ran out. */
  #refineToEnd(group: Int32Array): boolean {
    for (const state of group) this.#block[state] = 0;
    let blocks = 1;
    for (let rows = group.length; rows <= MAX_REFINED_ROWS; rows += group.length) {
      const refined = this.#refine(group);
      if (refined === blocks) return true;
      blocks = refined;
    }
    return false;
  }

  /** Splits the blocks by what their states do in terms of blocks; gives how many there are then. */
  #refine(members: Int32Array): number {
    const rows = new SequenceInterner();
    const blocks = Int32Array.from(members, (state) => {
      this.#buildKey(state);
      return rows.intern(this.#key, this.#key.length);
    });
    members.forEach((state, i) => (this.#block[state] = blocks[i]!));
    return rows.size;
  }

  /** What a state does, up to merging: accept, default, then the cells that differ from the default. */
  #buildKey(state: number): void {
    const { accept, defaults, rowStart, cellClass, cellTarget } = this.#dfa;
    const component = this.#components.of[state]!;
    const fallback = this.#name(defaults[state]!, component);
    this.#key.length = 0;
    this.#key.push(accept[state]!, fallback);
    for (let i = rowStart[state]!; i < rowStart[state + 1]!; i++) {
      const target = this.#name(cellTarget[i]!, component);
      if (target !== fallback) this.#key.push(cellClass[i]!, target);
    }
  }

  /** A target in the cycle at hand or its peer by its block, below zero; any other by the state that stands for it. */
  #name(target: number, component: number): number {
    const other = this.#components.of[target]!;
    if (other === this.#peer) return -1 - this.#block[this.#merged[target]!]!;
    return other === component ? -1 - this.#block[target]! : this.#merged[target]!;
  }

  /** Whether the key at hand is that of a state from which nothing is accepted (only without any pattern). */
  #isDead(): boolean {
    return this.#key.length === 2 && this.#key[0] === -1 && this.#key[1]! <= 0;
  }
}

/** The automaton of the states that stand for others, breadth first from the start, the dead state first. */
function renumber(dfa: Dfa, merged: Int32Array): Dfa {
  const number = new Int32Array(dfa.size).fill(-1);
  const order: number[] = [];
  const numberOf = (state: number): number => {
    const owner = merged[state]!;
    if (number[owner]! < 0) number[owner] = order.push(owner) - 1;
    return number[owner]!;
  };
  numberOf(0);
  const start = numberOf(dfa.start);
  const defaults: number[] = [];
  const rowStart: number[] = [0];
  const cellClass: number[] = [];
  const cellTarget: number[] = [];
  for (let i = 0; i < order.length; i++) {
    const state = order[i]!;
    const fallback = numberOf(dfa.defaults[state]!);
    defaults.push(fallback);
    for (let cell = dfa.rowStart[state]!; cell < dfa.rowStart[state + 1]!; cell++) {
      const target = numberOf(dfa.cellTarget[cell]!);
      if (target === fallback) continue;
      cellClass.push(dfa.cellClass[cell]!);
      cellTarget.push(target);
    }
    rowStart.push(cellClass.length);
  }
  const accept = order.map((state) => dfa.accept[state]!);
  return { size: order.length, start, defaults, rowStart, cellClass, cellTarget, accept, accepts: dfa.accepts };
}
