// SPDX-License-Identifier: Apache-2.0
import type { Pattern } from '#automaton';
import { patternOf } from './lower.ts';
import type { PathResolver } from './lower.ts';
import type { Action, PathObject } from './model.ts';

/** Subject class of a task that no rule names. @source bpf/lib/scope.h */
export const CLASS_NOBODY = 0;
/** Subject class of a task whose program cannot be known: Block and Audit rules match it, Allow rules do not. */
export const CLASS_UNKNOWN = 1;

interface Column {
  /** Whether unknown subjects are in it. */
  readonly strict: boolean;
}

/**
 * Who acts, as numbers: a column is the set of subject patterns of a rule, a class is the set of columns that a program's
 * path is in. The matrix says which class is in which column.
 */
export class SubjectTable {
  readonly #columns: Column[] = [{ strict: false }];
  readonly #columnsOf = new Map<number, number[]>();
  readonly #byKey = new Map<string, number>();
  readonly #classes = new Map<string, number>();
  readonly #rows: (readonly number[])[] = [[], []];

  /** The column of a rule's subjects; 0 where it has none. Allow rules have columns of their own. */
  column(
    subjects: readonly PathObject[],
    action: Action,
    resolve: PathResolver,
    patterns: { internSubject(pattern: Pattern): number },
  ): number {
    if (subjects.length === 0) return 0;
    const strict = action !== 'Allow';
    const indexes = new Set<number>();
    for (const subject of subjects)
      for (const { object } of resolve(subject, 'subject', action)) indexes.add(patterns.internSubject(patternOf(object)));
    const sorted = [...indexes].sort((a, b) => a - b);
    const key = `${strict}:${sorted.join()}`;
    const seen = this.#byKey.get(key);
    if (seen !== undefined) return seen;
    this.#byKey.set(key, this.#columns.length);
    const column = this.#columns.push({ strict }) - 1;
    for (const pattern of sorted) {
      const columns = this.#columnsOf.get(pattern);
      if (columns === undefined) this.#columnsOf.set(pattern, [column]);
      else columns.push(column);
    }
    return column;
  }

  /** The class of a program whose path matches these patterns. */
  classOf(patterns: readonly number[]): number {
    const found = new Set<number>();
    for (const pattern of patterns) for (const column of this.#columnsOf.get(pattern) ?? []) found.add(column);
    if (found.size === 0) return CLASS_NOBODY;
    const columns = [...found].sort((a, b) => a - b);
    const key = columns.join();
    const seen = this.#classes.get(key);
    if (seen !== undefined) return seen;
    this.#classes.set(key, this.#rows.length);
    return this.#rows.push(columns) - 1;
  }

  get rowWords(): number {
    return Math.ceil(this.#columns.length / 32);
  }

  /** Words of the matrix. */
  get matrixWords(): number {
    return this.#rows.length * this.rowWords;
  }

  /** One row a class, `rowWords` words each, bit n is column n. */
  matrix(): number[] {
    const words: number[] = [];
    const strict = [...this.#columns.keys()].filter((i) => this.#columns[i]!.strict);
    for (const [i, columns] of this.#rows.entries()) {
      const row = Array.from({ length: this.rowWords }, () => 0);
      for (const column of i === CLASS_UNKNOWN ? strict : columns) row[column >>> 5]! |= 1 << (column & 31);
      for (const word of row) words.push(word >>> 0);
    }
    return words;
  }
}
