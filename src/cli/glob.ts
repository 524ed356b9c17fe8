// SPDX-License-Identifier: Apache-2.0

/**
 * Compiles a filter's value: the whole text must be equal, `*` stands for any characters (also none, also `/`), `?` for one.
 *
 * A filter is not a policy: paths have no special rules here. Linear in the text for each `*`, so a hostile field cannot stall us.
 */
export function compileFilterGlob(glob: string, options: { ignoreCase?: boolean } = {}): (text: string) => boolean {
  const fold = (text: string): string => (options.ignoreCase === true ? text.toLowerCase() : text);
  const pattern = Array.from(fold(glob));
  if (!pattern.includes('*') && !pattern.includes('?')) return (text) => fold(text) === fold(glob);
  return (text) => globMatches(pattern, Array.from(fold(text)));
}

/** Greedy with one point to come back to: the last `*`. */
function globMatches(pattern: readonly string[], text: readonly string[]): boolean {
  let p = 0;
  let t = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      starAt = p++;
      resumeAt = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      t = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
