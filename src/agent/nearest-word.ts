// SPDX-License-Identifier: Apache-2.0

/** The known word that a mistyped one most likely means, case aside; undefined where none is near. */
export function nearestWord(mistyped: string, known: readonly string[]): string | undefined {
  const typed = mistyped.slice(0, 40).toLowerCase();
  const scored = known.map((word) => ({ word, edits: editDistance(typed, word.toLowerCase()) }));
  const best = scored.toSorted((a, b) => a.edits - b.edits)[0];
  return best !== undefined && best.edits <= Math.max(1, Math.floor(typed.length / 3)) ? best.word : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
