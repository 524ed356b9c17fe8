// SPDX-License-Identifier: Apache-2.0

/**
 * A deterministic automaton over byte classes. State 0 is dead.
 *
 * Row `s` is `defaults[s]` for every class but those at `rowStart[s]` up to `rowStart[s + 1]` in `cellClass` (ascending)
 * and `cellTarget`. A cell never repeats its row's default, so equal rows look equal.
 */
export interface Dfa {
  readonly size: number;
  readonly start: number;
  readonly defaults: ArrayLike<number>;
  readonly rowStart: ArrayLike<number>;
  readonly cellClass: ArrayLike<number>;
  readonly cellTarget: ArrayLike<number>;
  /** Accept index or -1. */
  readonly accept: ArrayLike<number>;
  readonly accepts: readonly (readonly number[])[];
}

/** The state after a byte of the class. */
export function stepDfa(dfa: Dfa, state: number, byteClass: number): number {
  for (let i = dfa.rowStart[state]!; i < dfa.rowStart[state + 1]!; i++) {
    if (dfa.cellClass[i] === byteClass) return dfa.cellTarget[i]!;
  }
  return dfa.defaults[state]!;
}
