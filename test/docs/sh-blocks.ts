// SPDX-License-Identifier: Apache-2.0
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** A fenced block of a page. */
export interface Block {
  /** `PAGE: FIRST LINE`: what the table of blocks calls it. */
  readonly key: string;
  readonly page: string;
  /** Of the first line of its text. */
  readonly line: number;
  /** Command lines: without comments, a line that ends in `\` joined with the next. */
  readonly lines: readonly string[];
}

/** Pages of the repository that users read. */
export const pages = (): string[] => globSync(['README.md', 'examples/*.md', 'docs/**/*.md'], { cwd: ROOT }).toSorted();

export const readPage = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** Every block of `sh` in a page. */
export function shBlocks(page: string): Block[] {
  const text = readPage(page);
  return [...text.matchAll(/^( *)```(?:sh|bash|shell|console)\n([^]*?)^\1```$/gm)].map(({ 2: body = '', index }) => {
    const lines = commandLines(body);
    return { key: `${page}: ${lines[0] ?? ''}`, page, line: text.slice(0, index).split('\n').length + 1, lines };
  });
}

/** A comment begins with `#` at the begin of a word. None of the pages quotes one. */
function commandLines(body: string): string[] {
  const joined = body.replaceAll('\\\n', ' ').split('\n');
  return joined.map((line) => line.replace(/(^|\s)#.*$/, '').trim()).filter((line) => line !== '');
}

/** Blocks that are indented and not fenced, and begin as a command does: they would be in no table. */
export function unfencedCommands(page: string): string[] {
  const outside = readPage(page).replace(/^( *)```[^]*?^\1```$/gm, '');
  return [...outside.matchAll(/\n\n {4,}((?:sudo|make|npm|curl|kubectl|helm|ctr|\.\/\S+|karmor|kubearmor) [^\n]*)/g)].map(
    ([, line = '']) => line,
  );
}

/** The document of that name that a page shows below `NAME`: in a block of YAML. @throws {Error} where there is none */
export function shownDocument(page: string, name: string): string {
  const start = readPage(page).indexOf(`\`${name}\`:\n\n\`\`\`yaml\n`);
  const [, body] = start < 0 ? [] : (/```yaml\n([^]*?)^```$/m.exec(readPage(page).slice(start)) ?? []);
  if (body === undefined) throw new Error(`${page} shows no ${name}`);
  return body;
}
