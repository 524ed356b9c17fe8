// SPDX-License-Identifier: Apache-2.0
import type { Pattern } from '../model.ts';

/**
 * Whether a pattern matches a path, by trying everything: the meaning of patterns in its plainest form, for tests only.
 *
Reads the glob's text while matching and shares no code with the compiler. Exponential in stars and groups.
 *
 * @param path without a trailing slash, except `/`
 */
export function naiveMatches(pattern: Pattern, path: Uint8Array | string): boolean {
  const text = typeof path === 'string' ? bytesOf(path) : Buffer.from(path).toString('latin1');
  switch (pattern.kind) {
    case 'exact':
      return text === bytesOf(pattern.path);
    case 'execname':
      return text.endsWith(`/${bytesOf(pattern.name)}`);
    case 'dir':
      return inDir(bytesOf(pattern.dir), text, pattern.recursive);
    case 'glob':
      return matchGlob(bytesOf(pattern.glob), text, (rest) => rest === '');
  }
}

/** One character a byte. */
function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function inDir(dir: string, path: string, recursive: boolean): boolean {
  if (path === dir) return true;
  const base = dir === '/' ? '/' : `${dir}/`;
  const below = path.slice(base.length);
  return path.startsWith(base) && below !== '' && !below.startsWith('/') && (recursive || !below.includes('/'));
}

type Done = (rest: string) => boolean;

function matchGlob(glob: string, text: string, done: Done): boolean {
  if (glob === '') return done(text);
  const stars = /^\*+/.exec(glob)?.[0].length ?? 0;
  if (stars > 0) return matchStars(stars, glob.slice(stars), { text, done });
  if (glob.startsWith('{')) return matchGroup(glob, text, done);
  const one = oneByte(glob);
  return text !== '' && one.test(text[0]!) && matchGlob(glob.slice(one.length), text.slice(1), done);
}

function matchStars(stars: number, rest: string, to: { text: string; done: Done }): boolean {
  for (let taken = 0; taken <= to.text.length; taken++) {
    if (stars === 1 && to.text.slice(0, taken).includes('/')) return false;
    if (matchGlob(rest, to.text.slice(taken), to.done)) return true;
  }
  return false;
}

function matchGroup(glob: string, text: string, done: Done): boolean {
  const alternatives: string[] = [];
  let depth = 0;
  let from = 1;
  for (let at = 0; ; at += oneByte(glob.slice(at)).length) {
    if (glob[at] === '{') depth++;
    if (depth === 1 && (glob[at] === ',' || glob[at] === '}')) {
      alternatives.push(glob.slice(from, at));
      from = at + 1;
    }
    if (glob[at] === '}' && --depth === 0) break;
  }
  return alternatives.some((alternative) => matchGlob(alternative, text, (rest) => matchGlob(glob.slice(from), rest, done)));
}

/** The first piece of a glob that takes one byte: how long it is written and which bytes it takes. */
function oneByte(glob: string): { length: number; test: (byte: string) => boolean } {
  if (glob[0] === '?') return { length: 1, test: (byte) => byte !== '/' };
  if (glob[0] === '\\') return { length: 2, test: (byte) => byte === glob[1] };
  if (glob[0] !== '[') return { length: 1, test: (byte) => byte === glob[0] };
  const negated = glob[1] === '^' || glob[1] === '!';
  const ranges: [string, string][] = [];
  let at = negated ? 2 : 1;
  const next = (): string => {
    if (glob[at] === '\\') at++;
    return glob[at++]!;
  };
  while (glob[at] !== ']') {
    const first = next();
    if (glob[at] === '-' && glob[at + 1] !== ']') {
      at++;
      ranges.push([first, next()]);
    } else ranges.push([first, first]);
  }
  return { length: at + 1, test: (byte) => byte !== '/' && ranges.some(([a, z]) => a <= byte && byte <= z) !== negated };
}
