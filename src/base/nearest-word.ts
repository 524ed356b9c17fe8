// SPDX-License-Identifier: Apache-2.0

/** Longer words are cut: what a person mistypes is short, and the work grows with the square. */
const LENGTH_MAX = 64;

/**
 * The known word that a mistyped one most likely means; undefined where none is near. Case counts for nothing, a swap of neighbours as
 * one edit; of two equally near words the first is taken.
 */
export function nearestWord(mistyped: string, known: Iterable<string>): string | undefined {
  const from = mistyped.slice(0, LENGTH_MAX).toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(from.length / 3)) + 1;
  for (const candidate of known) {
    const far = distance(from, candidate.slice(0, LENGTH_MAX).toLowerCase());
    if (far < least) [best, least] = [candidate, far];
  }
  return best;
}

/** Edits (insert, delete, replace, swap of neighbours) between two short words. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(rows, i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(rows, i - 1, j - 1) + cost);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, at(rows, i - 2, j - 2) + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return at(rows, a.length, b.length);
}

const at = (rows: readonly number[][], i: number, j: number): number => rows[i]?.[j] ?? Infinity;
