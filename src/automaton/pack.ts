// SPDX-License-Identifier: Apache-2.0
import { BudgetExceeded } from './budget.ts';
import type { Dfa } from './dfa.ts';
import { SequenceInterner } from './interner.ts';
import { ACCEPT_CLASS, DEFAULT_CLASS, FIRST_BYTE_CLASS, REACH_CLASS, UNUSED_CELL } from './model.ts';

/** A base index must fit the 24 bits of a cell. */
const MAX_BASE_CELLS = 2 ** 24;
/** Words of the map that one row is tried at before it goes behind all others: keeps hostile rows from being slow. */
const MAX_TRIED_WORDS = 1024;
/** Cells of 4 bytes in a cache line. */
const LINE_CELLS = 16;
/** Bases that are tried so that the row lies in the cache line of the cell that leads to it, or soon behind it. */
const NEAR_BASES = 64;

/** Rows folded into one array. */
export interface PackedRows {
  readonly cells: Uint32Array;
  /** State to base index. */
  readonly bases: Int32Array;
}

/** What {@link packRows} needs besides the rows. */
export interface PackOptions {
  /** Highest class in use + 1. */
  readonly classEnd: number;
  /** State to reach index or -1. */
  readonly reach: ArrayLike<number>;
  readonly maxCells: number;
}

/**
 * Folds sparse rows into one array, each as close as can be behind the cell that leads to it, else at the first base where its
 * cells are free: a path then runs through few cache lines and pages, which is a third of the time where caches are cold.
 *
 * @throws {BudgetExceeded} when the array would be longer than `maxCells`
 */
export function packRows(dfa: Dfa, options: PackOptions): PackedRows {
  const maxCells = Math.min(options.maxCells, MAX_BASE_CELLS);
  // before anything is made of them: rows never share a cell
  if (dfa.rowStart[dfa.size]! > maxCells) throw new BudgetExceeded({ exceeded: 'cells', limit: options.maxCells });
  const tail = Math.max(options.classEnd, FIRST_BYTE_CLASS);
  const space = new CellSpace(maxCells);
  const bases = new Int32Array(dfa.size);
  space.take(0, [DEFAULT_CLASS]);
  let length = tail;
  for (const { state, before, byteClass } of depthFirst(dfa)) {
    bases[state] = space.place(offsetsOf(dfa, state, options.reach), before === 0 ? undefined : bases[before]! + byteClass);
    length = Math.max(length, bases[state]! + tail);
    if (length > maxCells) throw new BudgetExceeded({ exceeded: 'cells', limit: options.maxCells });
  }

  const cells = new Uint32Array(length).fill(UNUSED_CELL);
  const put = (base: number, byteClass: number, value: number): void => {
    cells[base + byteClass] = ((value << 8) | byteClass) >>> 0;
  };
  cells[0] = 0;
  for (let state = 1; state < dfa.size; state++) {
    const base = bases[state]!;
    put(base, DEFAULT_CLASS, bases[dfa.defaults[state]!]!);
    if (dfa.accept[state]! >= 0) put(base, ACCEPT_CLASS, dfa.accept[state]!);
    if (options.reach[state]! >= 0) put(base, REACH_CLASS, options.reach[state]!);
    for (let i = dfa.rowStart[state]!; i < dfa.rowStart[state + 1]!; i++) put(base, dfa.cellClass[i]!, bases[dfa.cellTarget[i]!]!);
  }
  return { cells, bases };
}

function offsetsOf(dfa: Dfa, state: number, reach: ArrayLike<number>): number[] {
  const offsets: number[] = [DEFAULT_CLASS];
  if (dfa.accept[state]! >= 0) offsets.push(ACCEPT_CLASS);
  if (reach[state]! >= 0) offsets.push(REACH_CLASS);
  for (let i = dfa.rowStart[state]!; i < dfa.rowStart[state + 1]!; i++) offsets.push(dfa.cellClass[i]!);
  return offsets;
}

/** A state and the transition that led to it: `before` is 0 where a search began. */
interface Visit {
  readonly state: number;
  readonly before: number;
  readonly byteClass: number;
}

/** All states but the dead one, depth first; a search begins at the widest row that is left, as wide rows need most room. */
function depthFirst(dfa: Dfa): Visit[] {
  const order: Visit[] = [];
  const seen = new Uint8Array(dfa.size);
  seen[0] = 1;
  for (const root of widestFirst(dfa)) {
    const stack: Visit[] = [{ state: root, before: 0, byteClass: 0 }];
    for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
      const { state } = visit;
      if (seen[state] !== 0) continue;
      seen[state] = 1;
      order.push(visit);
      for (let i = dfa.rowStart[state + 1]! - 1; i >= dfa.rowStart[state]!; i--) {
        stack.push({ state: dfa.cellTarget[i]!, before: state, byteClass: dfa.cellClass[i]! });
      }
    }
  }
  return order;
}

/** All states but the dead one by number of cells; equal ones in their own order. */
function widestFirst(dfa: Dfa): number[] {
  const byWidth: number[][] = [];
  for (let state = 1; state < dfa.size; state++) (byWidth[dfa.rowStart[state + 1]! - dfa.rowStart[state]!] ??= []).push(state);
  return byWidth.reverse().flat();
}

/** Which cells are taken, as a bit map that is asked for 32 bases at a time. */
class CellSpace {
  #taken = new Uint32Array(1024);
  readonly #maxCells: number;
  readonly #shapes = new SequenceInterner();
  /** Per shape of row the first word that may still have room: cells are only ever taken, so it never moves back. */
  readonly #cursors: number[] = [];
  #endWord = 0;

  constructor(maxCells: number) {
    this.#maxCells = maxCells;
  }

  /** Takes the cells at the offsets from a base that has them free: the last of them soon behind the cell `near`, if there is room. */
  place(offsets: readonly number[], near?: number): number {
    const base = (near === undefined ? undefined : this.#findNear(offsets, near)) ?? this.#findFirst(offsets);
    this.take(base, offsets);
    return base;
  }

  #findNear(offsets: readonly number[], near: number): number | undefined {
    const from = Math.max(0, near - (near % LINE_CELLS) - offsets.at(-1)!);
    for (let first = from; first < from + NEAR_BASES; first += 32) {
      const free = this.#freeBases(first, offsets);
      if (free !== 0) return first + lowestBit(free);
    }
    return undefined;
  }

  #findFirst(offsets: readonly number[]): number {
    const shape = this.#shapes.intern(offsets, offsets.length);
    let word = this.#cursors[shape] ?? 0;
    let free = this.#freeBases(word * 32, offsets);
    for (let tried = 1; free === 0; tried++) {
      word = tried < MAX_TRIED_WORDS ? word + 1 : Math.max(word + 1, this.#endWord);
      if (word * 32 > this.#maxCells) break; // the caller sees the length
      free = this.#freeBases(word * 32, offsets);
    }
    this.#cursors[shape] = word;
    return word * 32 + lowestBit(free);
  }

  take(base: number, offsets: readonly number[]): void {
    this.#grow((base >>> 5) + 16);
    for (const offset of offsets) {
      const cell = base + offset;
      this.#taken[cell >>> 5] = (this.#taken[cell >>> 5]! | (1 << (cell & 31))) >>> 0;
      this.#endWord = Math.max(this.#endWord, (cell >>> 5) + 1);
    }
  }

  /** A bit for each of 32 bases: set where all cells of the row are free. */
  #freeBases(first: number, offsets: readonly number[]): number {
    this.#grow((first >>> 5) + 16);
    let free = -1;
    for (let i = 0; i < offsets.length && free !== 0; i++) {
      const cell = first + offsets[i]!;
      const at = cell >>> 5;
      const shift = cell & 31;
      const taken = shift === 0 ? this.#taken[at]! : (this.#taken[at]! >>> shift) | (this.#taken[at + 1]! << (32 - shift));
      free &= ~taken;
    }
    return free;
  }

  #grow(words: number): void {
    if (words <= this.#taken.length) return;
    const grown = new Uint32Array(Math.max(words, this.#taken.length * 2));
    grown.set(this.#taken);
    this.#taken = grown;
  }
}

/** Position of the lowest set bit; 31 - 32 for none. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
