// SPDX-License-Identifier: Apache-2.0
import { BudgetExceeded } from './budget.ts';
import type { StepBudget } from './budget.ts';
import { findComponents } from './components.ts';
import type { Components } from './components.ts';
import { stepDfa } from './dfa.ts';
import type { Dfa } from './dfa.ts';
import { SequenceInterner } from './interner.ts';
import { MAX_COMPONENTS } from './model.ts';

/** Per state the index of its reach set or -1; and the sets. */
export interface Reach {
  readonly indexes: Int32Array;
  readonly sets: readonly (readonly number[])[];
}

/** What {@link computeReach} may cost. */
export interface ReachBounds {
  readonly budget: StepBudget;
  /** Sum of the lengths of all sets. */
  readonly maxReachPatterns: number;
}

/**
 * Finds, for the start and for every state behind MAX_COMPONENTS slashes or more, which patterns can still match.
 *
 * "Still" means now, or after more bytes that begin with `/`: the kernel asks after a whole component.
 *
 * @throws {BudgetExceeded} when steps or set entries run out
 */
export function computeReach(dfa: Dfa, slashClass: number, bounds: ReachBounds): Reach {
  const components = findComponents(dfa);
  const deep = findDeepComponents(dfa, components, slashClass);
  const inside = new PatternSets(dfa, components, bounds.budget);
  const sets = new SequenceInterner();
  const indexes = new Int32Array(dfa.size).fill(-1);
  let entries = 0;
  const known = new Map<readonly number[], Map<number, number>>();
  const add = (patterns: readonly number[]): number => {
    if (patterns.length === 0) return -1;
    const before = sets.size;
    const index = sets.intern(patterns, patterns.length);
    if (sets.size > before) entries += patterns.length;
    if (entries > bounds.maxReachPatterns) throw new BudgetExceeded({ exceeded: 'reach', limit: bounds.maxReachPatterns });
    return index;
  };
  const give = (state: number, below: readonly number[]): void => {
    const accept = dfa.accept[state]!;
    const byAccept = getOrMake(known, below, () => new Map<number, number>());
    indexes[state] = getOrMake(byAccept, accept, () => add(inside.union([accept < 0 ? [] : dfa.accepts[accept]!, below])));
  };

  for (let component = 0; component < components.count; component++) if (deep[component] === 1) inside.fill(component);
  for (let state = 1; state < dfa.size; state++) {
    if (deep[components.of[state]!] === 1) give(state, inside.of(components.of[stepDfa(dfa, state, slashClass)]!));
  }
  if (dfa.start !== 0 && indexes[dfa.start]! < 0) {
    give(dfa.start, inside.union(acceptsFrom(dfa, stepDfa(dfa, dfa.start, slashClass), bounds.budget)));
  }
  return { indexes, sets: Array.from({ length: sets.size }, (_, id) => sets.values(id)) };
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

const NOTHING: readonly number[] = [];

/** Flags the components that a path can be in after MAX_COMPONENTS slashes. The dead state is in none. */
function findDeepComponents(dfa: Dfa, components: Components, slashClass: number): Uint8Array {
  const slashes = new Int32Array(components.count);
  for (let component = components.count - 1; component >= 0; component--) {
    const members = components.states.subarray(components.start[component]!, components.start[component + 1]!);
    const loops = members.some((state) => components.of[stepDfa(dfa, state, slashClass)] === component);
    if (loops) slashes[component] = MAX_COMPONENTS;
    const far = slashes[component]!;
    const raise = (target: number, to: number): void => {
      const other = components.of[target]!;
      slashes[other] = Math.max(slashes[other]!, Math.min(to, MAX_COMPONENTS));
    };
    for (const state of members) {
      raise(stepDfa(dfa, state, slashClass), far + 1);
      raise(dfa.defaults[state]!, far);
      for (let i = dfa.rowStart[state]!; i < dfa.rowStart[state + 1]!; i++) raise(dfa.cellTarget[i]!, far);
    }
  }
  const deep = new Uint8Array(components.count);
  for (const [component, count] of slashes.entries()) deep[component] = count === MAX_COMPONENTS ? 1 : 0;
  deep[components.of[0]!] = 0;
  return deep;
}

/** The accept sets of all states that can be reached. */
function acceptsFrom(dfa: Dfa, first: number, budget: StepBudget): (readonly number[])[] {
  const seen = new Uint8Array(dfa.size);
  const wanted = new Set<number>();
  const open = [first];
  const visit = (target: number): void => {
    if (seen[target] === 1) return;
    seen[target] = 1;
    open.push(target);
  };
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (dfa.accept[state]! >= 0) wanted.add(dfa.accept[state]!);
    visit(dfa.defaults[state]!);
    for (let i = dfa.rowStart[state]!; i < dfa.rowStart[state + 1]!; i++) visit(dfa.cellTarget[i]!);
  }
  budget.spend(wanted.size);
  return Array.from(wanted, (accept) => dfa.accepts[accept]!);
}

/** The patterns that can be accepted in a component or behind it, shared between components where equal. */
class PatternSets {
  readonly #dfa: Dfa;
  readonly #components: Components;
  readonly #budget: StepBudget;
  readonly #sets = new Map<number, readonly number[]>();
  readonly #interner = new SequenceInterner();
  readonly #shared: (readonly number[])[] = [];

  constructor(dfa: Dfa, components: Components, budget: StepBudget) {
    this.#dfa = dfa;
    this.#components = components;
    this.#budget = budget;
  }

  of(component: number): readonly number[] {
    return this.#sets.get(component) ?? NOTHING;
  }

  /** To be called for a component after all that it leads to. */
  fill(component: number): void {
    const { states, start } = this.#components;
    const parts = new Set<readonly number[]>();
    const add = (target: number): void => {
      const behind = this.#sets.get(this.#components.of[target]!);
      if (behind !== undefined) parts.add(behind);
    };
    for (let i = start[component]!; i < start[component + 1]!; i++) this.#visit(states[i]!, parts, add);
    const [only, second] = parts;
    const united = only !== undefined && second === undefined ? only : this.union([...parts]);
    this.#sets.set(component, this.#share(united));
  }

  /** Sorted, without repetition. */
  union(parts: readonly (readonly number[])[]): readonly number[] {
    const filled = parts.filter((part) => part.length > 0);
    if (filled.length <= 1) return filled[0] ?? [];
    this.#budget.spend(filled.reduce((sum, part) => sum + part.length, 0));
    return Array.from(new Set(filled.flat())).sort((a, b) => a - b);
  }

  #visit(state: number, parts: Set<readonly number[]>, add: (target: number) => void): void {
    const { accept, accepts, defaults, rowStart, cellTarget } = this.#dfa;
    this.#budget.spend(1);
    if (accept[state]! >= 0) parts.add(accepts[accept[state]!]!);
    add(defaults[state]!);
    for (let i = rowStart[state]!; i < rowStart[state + 1]!; i++) add(cellTarget[i]!);
  }

  #share(patterns: readonly number[]): readonly number[] {
    const id = this.#interner.intern(patterns, patterns.length);
    if (id === this.#shared.length) this.#shared.push(patterns);
    return this.#shared[id]!;
  }
}
