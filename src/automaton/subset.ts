// SPDX-License-Identifier: Apache-2.0
import { BudgetExceeded } from './budget.ts';
import type { StepBudget } from './budget.ts';
import type { ByteClasses } from './byte-classes.ts';
import type { Dfa } from './dfa.ts';
import { SequenceInterner } from './interner.ts';
import { SLASH } from './model.ts';
import { ANY_LOOP, STAR_LOOP } from './pattern-trie.ts';
import type { PatternTrie, SetEdge } from './pattern-trie.ts';

/**
 * Makes the trie deterministic: a state is a set of nodes, made when it is first met.
 *
 * Where only plain paths are left a set is a single node and costs what walking the trie costs.
 *
 * @throws {BudgetExceeded} when the states or steps run out
 */
export function buildDfa(trie: PatternTrie, classes: ByteClasses, bounds: { maxStates: number; budget: StepBudget }): Dfa {
  return new SubsetBuilder(trie, classes, bounds).build();
}

class SubsetBuilder {
  readonly #trie: PatternTrie;
  readonly #classes: ByteClasses;
  readonly #maxStates: number;
  readonly #budget: StepBudget;
  readonly #states: SequenceInterner;
  readonly #acceptSets = new SequenceInterner();
  readonly #defaults: number[] = [];
  readonly #rowStart: number[] = [0];
  readonly #cellClass: number[] = [];
  readonly #cellTarget: number[] = [];
  readonly #accept: number[] = [];
  readonly #slashClass: number;
  readonly #useful: Uint8Array;

  // What the state at hand does, gathered once and read for every class that it treats differently.
  readonly #starLoops: number[] = [];
  readonly #anyLoops: number[] = [];
  readonly #setEdges: SetEdge[] = [];
  readonly #byteTargets: number[][];
  readonly #touched: number[] = [];
  readonly #isTouched: Uint8Array;

  // The set being collected.
  readonly #set: Int32Array;
  readonly #stamps: Int32Array;
  #setSize = 0;
  #stamp = 0;

  constructor(trie: PatternTrie, classes: ByteClasses, bounds: { maxStates: number; budget: StepBudget }) {
    this.#trie = trie;
    this.#classes = classes;
    this.#maxStates = bounds.maxStates;
    this.#budget = bounds.budget;
    this.#slashClass = classes.classOf[SLASH]!;
    this.#useful = trie.findUseful();
    this.#byteTargets = Array.from({ length: classes.end }, () => []);
    this.#isTouched = new Uint8Array(classes.end);
    this.#states = new SequenceInterner(trie.size);
    this.#set = new Int32Array(trie.size);
    this.#stamps = new Int32Array(trie.size);
  }

  build(): Dfa {
    this.#begin();
    this.#finish(); // the empty set is state 0: dead
    this.#begin();
    this.#collect(0);
    const start = this.#finish();
    for (let state = 0; state < this.#states.size; state++) {
      this.#gather(state);
      this.#emitRow();
      if (this.#states.size - 1 > this.#maxStates) throw new BudgetExceeded({ exceeded: 'states', limit: this.#maxStates });
      this.#accept.push(this.#acceptOf(state));
    }
    return {
      size: this.#states.size,
      start,
      defaults: this.#defaults,
      rowStart: this.#rowStart,
      cellClass: this.#cellClass,
      cellTarget: this.#cellTarget,
      accept: this.#accept,
      accepts: Array.from({ length: this.#acceptSets.size }, (_, id) => this.#acceptSets.values(id)),
    };
  }

  #gather(state: number): void {
    this.#starLoops.length = this.#anyLoops.length = this.#setEdges.length = 0;
    const end = this.#states.end(state);
    const { pool } = this.#states;
    this.#budget.spend(end - this.#states.start(state) + 1);
    for (let i = this.#states.start(state); i < end; i++) this.#gatherNode(pool[i]!);
    this.#touched.sort((a, b) => a - b);
  }

  #gatherNode(node: number): void {
    const trie = this.#trie;
    if (trie.loop[node] === ANY_LOOP) this.#anyLoops.push(node);
    if (trie.loop[node] === STAR_LOOP) {
      this.#starLoops.push(node);
      this.#touch(this.#slashClass);
    }
    for (let child = trie.firstChild[node]!; child !== 0; child = trie.nextSibling[child]!) {
      const byteClass = this.#classes.classOf[trie.byte[child]!]!;
      this.#touch(byteClass);
      this.#byteTargets[byteClass]!.push(child);
    }
    for (const edge of trie.setEdges.get(node) ?? []) {
      this.#setEdges.push(edge);
      for (const byteClass of this.#classes.exceptions[edge.set]!) this.#touch(byteClass);
    }
  }

  #touch(byteClass: number): void {
    if (this.#isTouched[byteClass] === 1) return;
    this.#isTouched[byteClass] = 1;
    this.#touched.push(byteClass);
  }

  #emitRow(): void {
    const fallback = this.#target(0);
    this.#defaults.push(fallback);
    for (const byteClass of this.#touched) {
      const target = this.#target(byteClass);
      this.#byteTargets[byteClass]!.length = 0;
      this.#isTouched[byteClass] = 0;
      if (target === fallback) continue;
      this.#cellClass.push(byteClass);
      this.#cellTarget.push(target);
    }
    this.#touched.length = 0;
    this.#rowStart.push(this.#cellClass.length);
  }

  #target(byteClass: number): number {
    this.#begin();
    for (const node of this.#anyLoops) this.#collect(node);
    if (byteClass !== this.#slashClass) for (const node of this.#starLoops) this.#collect(node);
    for (const edge of this.#setEdges) if (this.#classes.members[edge.set]![byteClass] === 1) this.#collect(edge.node);
    for (const node of this.#byteTargets[byteClass]!) this.#collect(node);
    this.#budget.spend(this.#anyLoops.length + this.#starLoops.length + this.#setEdges.length + this.#setSize + 1);
    return this.#finish();
  }

  #begin(): void {
    this.#setSize = 0;
    this.#stamp++;
  }

  /** Adds a node and the loops that it enters without a byte. */
  #collect(node: number): void {
    if (this.#stamps[node] === this.#stamp || this.#useful[node] === 0) return;
    this.#stamps[node] = this.#stamp;
    this.#set[this.#setSize++] = node;
    const star = this.#trie.star[node]!;
    if (star !== 0) this.#collect(star);
    const doubleStar = this.#trie.doubleStar[node]!;
    if (doubleStar !== 0) this.#collect(doubleStar);
  }

  #finish(): number {
    if (this.#setSize > 1) this.#set.subarray(0, this.#setSize).sort();
    return this.#states.intern(this.#set, this.#setSize);
  }

  #acceptOf(state: number): number {
    const matched: number[] = [];
    const { pool } = this.#states;
    for (let i = this.#states.start(state); i < this.#states.end(state); i++) {
      const here = this.#trie.patterns.get(pool[i]!);
      if (here !== undefined) for (const pattern of here) matched.push(pattern);
    }
    if (matched.length === 0) return -1;
    this.#budget.spend(matched.length);
    const sorted = [...new Set(matched)].sort((a, b) => a - b);
    return this.#acceptSets.intern(sorted, sorted.length);
  }
}
