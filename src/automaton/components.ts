// SPDX-License-Identifier: Apache-2.0
import type { Dfa } from './dfa.ts';

/** The strongly connected components of an automaton, each one after those it leads to. */
export interface Components {
  readonly count: number;
  /** State to component. */
  readonly of: Int32Array;
  /** States by component: those of `c` are at `start[c]` up to `start[c + 1]`. */
  readonly states: Int32Array;
  readonly start: readonly number[];
}

/** Tarjan's algorithm, without recursion: a path is as deep as an attacker likes. */
export function findComponents(dfa: Dfa): Components {
  const finder = new ComponentFinder(dfa);
  for (let state = 0; state < dfa.size; state++) finder.visit(state);
  return finder.result();
}

class ComponentFinder {
  readonly #dfa: Dfa;
  readonly #of: Int32Array;
  readonly #states: Int32Array;
  readonly #start: number[] = [0];
  #filled = 0;

  readonly #low: Int32Array;
  readonly #order: Int32Array;
  #met = 0;
  /** States whose component is not known yet, and the path being followed with the next edge of each state on it. */
  readonly #open: Int32Array;
  #openSize = 0;
  readonly #path: Int32Array;
  readonly #nextEdge: Int32Array;
  #depth = 0;

  constructor(dfa: Dfa) {
    this.#dfa = dfa;
    this.#of = new Int32Array(dfa.size).fill(-1);
    this.#states = new Int32Array(dfa.size);
    this.#low = new Int32Array(dfa.size);
    this.#order = new Int32Array(dfa.size);
    this.#open = new Int32Array(dfa.size);
    this.#path = new Int32Array(dfa.size);
    this.#nextEdge = new Int32Array(dfa.size);
  }

  visit(root: number): void {
    if (this.#order[root] !== 0) return;
    this.#enter(root);
    while (this.#depth > 0) this.#advance(this.#path[this.#depth - 1]!);
  }

  result(): Components {
    return { count: this.#start.length - 1, of: this.#of, states: this.#states, start: this.#start };
  }

  #enter(state: number): void {
    this.#order[state] = this.#low[state] = ++this.#met;
    this.#open[this.#openSize++] = state;
    this.#path[this.#depth++] = state;
    this.#nextEdge[state] = this.#dfa.rowStart[state]! - 1; // one before the cells stands for the default
  }

  #advance(state: number): void {
    const edge = this.#nextEdge[state]!;
    if (edge === this.#dfa.rowStart[state + 1]!) {
      this.#leave(state);
      return;
    }
    this.#nextEdge[state] = edge + 1;
    const target = edge < this.#dfa.rowStart[state]! ? this.#dfa.defaults[state]! : this.#dfa.cellTarget[edge]!;
    if (this.#order[target] === 0) this.#enter(target);
    else if (this.#of[target]! < 0) this.#low[state] = Math.min(this.#low[state]!, this.#order[target]!);
  }

  #leave(state: number): void {
    this.#depth--;
    if (this.#depth > 0) {
      const parent = this.#path[this.#depth - 1]!;
      this.#low[parent] = Math.min(this.#low[parent]!, this.#low[state]!);
    }
    if (this.#low[state] !== this.#order[state]) return;
    let member: number;
    do {
      member = this.#open[--this.#openSize]!;
      this.#of[member] = this.#start.length - 1;
      this.#states[this.#filled++] = member;
    } while (member !== state);
    this.#start.push(this.#filled);
  }
}
