// SPDX-License-Identifier: Apache-2.0

/**
 * What one accept index can stand for: a path, a shape of paths, a name, or a directory.
 *
 * All are anchored at both ends and compared byte by byte with the UTF-8 form of an absolute path (`/`, else `/a/b`: no
 * trailing slash, no `.`, no `..`). An `exact` path, an `execname` and a `dir` are literal: `*` there is a star.
 * `dir` has no trailing slash except `/`; it matches the directory itself and its children, or the whole subtree.
 * For the meaning of a glob see {@link parseGlob}.
 */
export type Pattern =
  | { readonly kind: 'exact'; readonly path: string }
  | { readonly kind: 'glob'; readonly glob: string }
  | { readonly kind: 'execname'; readonly name: string }
  | { readonly kind: 'dir'; readonly dir: string; readonly recursive: boolean };

/**
 * One deterministic byte automaton over absolute paths, in the table form that the kernel runs (row displacement).
 *
 * A state is its base index `s` into `cells`; 0 is the dead state. The step on a byte: `c = classes[byte]`,
 * `cell = cells[s + c]`, next state = `(cell & 0xff) === c ? cell >>> 8 : cells[s] >>> 8`. Two rows never share a base, so
 * a cell whose low byte is `c` can only belong to the row at its own index minus `c`: checking that byte is exact.
 * Every index `s + c` of a live state and a class in use is inside `cells`, and so are `s + 1` and `s + 2`.
 */
export interface Automaton {
  /** 256 entries, byte to class. 0: bytes no pattern tells apart, always the default cell; else 3 to 254. */
  readonly classes: Uint8Array;
  /** `value << 8 | class`. Class 0: default next state, 1: accept index, 2: reach index, else next state. Unused: 0xff. */
  readonly cells: Uint32Array;
  /** Base of the state before the first byte. 0 only where nothing can ever match. */
  readonly start: number;
  /** Accept index to the sorted indexes of the patterns matched: never empty, all different. */
  readonly accepts: readonly (readonly number[])[];
  /**
   * Reach index to the sorted indexes of the patterns that still match the path read so far, or something below it.
   * Only the start state and the states behind 64 or more slashes have a reach cell, and none where nothing is reachable.
   */
  readonly reaches: readonly (readonly number[])[];
  /** Distinct rows, without the dead state. */
  readonly stateCount: number;
}

/** Bounds of one compilation. Each is a count that does not depend on the machine, so a refusal repeats everywhere. */
export interface AutomatonLimits {
  /** States before merging. */
  readonly maxStates: number;
  /** Units of work; one takes 20 to 100 ns. */
  readonly maxSteps: number;
  /** Cells of 4 bytes; never more than 2^24, as a cell holds a base in 24 bits. */
  readonly maxCells: number;
  /** Sum of the lengths of all reach sets; absent means only `maxSteps` bounds it. */
  readonly maxReachPatterns?: number | undefined;
}

/** Which bound a compilation met. Nothing was cut: there is no automaton. */
export interface LimitExceeded {
  readonly exceeded: 'states' | 'steps' | 'cells' | 'reach';
  readonly limit: number;
}

/** Class of a cell that holds the default next state. */
export const DEFAULT_CLASS = 0;
/** Class of a cell that holds an accept index. */
export const ACCEPT_CLASS = 1;
/** Class of a cell that holds a reach index. */
export const REACH_CLASS = 2;
/** First class that a byte can have. */
export const FIRST_BYTE_CLASS = 3;
/** A cell that no row owns. */
export const UNUSED_CELL = 0xff;
/** Components of a path that the kernel reads; behind this many slashes a state says what is still reachable. */
export const MAX_COMPONENTS = 64;
/** The byte `/`. */
export const SLASH = 0x2f;
