// SPDX-License-Identifier: Apache-2.0

/** One program of a command line with its words. */
export interface Invocation {
  readonly program: string;
  readonly words: readonly string[];
}

/**
 * The programs that a line of a page calls: parted at pipes, `&&`, `||` and `;`, without `sudo`, settings of variables and redirections.
 * Knows quotes, and nothing else of the shell: what needs more does not belong into a page.
 */
export function invocations(line: string): Invocation[] {
  return tokens(line)
    .reduce<string[][]>(
      (parts, token) => (isSeparator(token) ? [...parts, []] : [...parts.slice(0, -1), [...(parts.at(-1) ?? []), token]]),
      [[]],
    )
    .map(withoutPrefix)
    .flatMap(([program, ...words]) => (program === undefined ? [] : [{ program, words }]));
}

const isSeparator = (token: string): boolean => /^(\||\|\||&&|;)$/.test(token);

/** Words with their quotes taken away; operators stand alone. */
function tokens(line: string): string[] {
  const found = [...line.matchAll(/\|\||&&|[|;]|(?:'[^']*'|"[^"]*"|[^\s|;&'"]|&(?!&))+/g)].map(([token]) => token);
  return found.map((token) => token.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

function withoutPrefix(words: readonly string[]): string[] {
  const plain = words.filter((word, i) => !/^\d?[<>]/.test(word) && !/^\d?>>?$|^<$/.test(words[i - 1] ?? ''));
  const start = plain.findIndex((word) => word !== 'sudo' && !/^[A-Z_]+=/.test(word));
  return start < 0 ? [] : plain.slice(start);
}
