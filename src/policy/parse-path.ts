// SPDX-License-Identifier: Apache-2.0
import { parseGlob } from '#automaton';
import { shown } from './fields.ts';
import type { Notes } from './fields.ts';
import type { PathObject } from './model.ts';

/** A path object as read; `never` where nothing can match it (warned already); undefined where it is an error. */
export type ReadPath = PathObject | 'never' | undefined;

/** Notes that a rule, or a part of one, can match nothing. KubeArmor's API server takes those, so it is a warning. */
export function neverMatches(notes: Notes, at: string, why: string, cure: string): 'never' {
  notes.warn('RULE_NEVER_MATCHES', at, `can never match: ${why}`, cure);
  return 'never';
}

/**
 * `matchPaths[].path`, and a `fromSource` path that does not end in `/`.
 *
 * An unescaped `*` or `?` makes it a glob, and a final `/*` means everything below; `\*` and `\?` are the characters.
 * Where there is no `*` or `?`, every `[`, `{` and other `\` is a character of the name: `/usr/bin/[` is a program.
 */
export function readFilePath(written: string, at: string, notes: Notes): ReadPath {
  if (!isAbsolute(written, at, notes)) return undefined;
  if (written.endsWith('/')) {
    const cure =
      written === '/'
        ? 'use matchDirectories with `dir: /`'
        : `remove the final /, or use matchDirectories with \`dir: ${shown(written)}\``;
    notes.error('PATH_INVALID', at, `\`${shown(written)}\` ends in /: a path names one file`, cure);
    return undefined;
  }
  const normal = normalise(written, at, notes);
  if (normal === 'never') return 'never';
  if (!/[*?]/.test(normal.replace(/\\[*?]/g, ''))) return { kind: 'path', path: normal.replace(/\\([*?])/g, '$1') };
  const glob = normal.replace(/\\([*?[\]{}])|\\/g, (all, escaped: string | undefined) => (escaped === undefined ? '\\\\' : all));
  return readGlob(glob.endsWith('/*') ? `${glob}*` : glob, at, notes);
}

/** `dir`, with or without the final `/`. It is never a glob. */
export function readDirectory(dir: { written: string; recursive: boolean }, at: string, notes: Notes): ReadPath {
  const { written, recursive } = dir;
  if (!isAbsolute(written, at, notes)) return undefined;
  if (/[*?]/.test(written)) {
    const cure = `for a glob use matchPatterns: \`${shown(written.replace(/\/*$/, ''))}/${recursive ? '**' : '*'}\``;
    notes.warn('GLOB_LITERAL', at, '`*` and `?` in a directory are characters of its name', cure);
  }
  const normal = normalise(written, at, notes);
  return normal === 'never' ? 'never' : { kind: 'dir', dir: normal, recursive };
}

/** `matchPatterns[].pattern`: a glob over the whole path. KubeArmor's API server takes any string here. */
export function readPattern(written: string, at: string, notes: Notes): ReadPath {
  const pattern = written.trim();
  if (!/^(\/|\*\*|\{)/.test(pattern)) {
    const name = pattern.replace(/^\^|\$$/g, '').replace(/^[*/]+/, '');
    const cure = pattern.startsWith('^')
      ? 'a pattern is a glob over the whole path, not a regular expression: no ^ and $'
      : `write \`**/${shown(name)}\``;
    return neverMatches(notes, at, `\`${shown(pattern)}\` does not start with / or **, and every path does`, cure);
  }
  if (pattern.endsWith('/')) {
    const cure = /\s/.test(pattern)
      ? 'a pattern is matched against the path alone, never against arguments'
      : `write \`${shown(pattern)}**\` for everything below`;
    return neverMatches(notes, at, `\`${shown(pattern)}\` ends in /, and no path does`, cure);
  }
  const normal = normalise(pattern, at, notes);
  if (normal === 'never') return 'never';
  if (/\s/.test(normal)) {
    notes.warn(
      'PATTERN_SUSPECT',
      at,
      `\`${shown(normal)}\` has a space: a pattern is matched against the path alone, never against arguments`,
      "write the program's path only; for arguments use allowedArgs",
    );
  } else if (/\$$|\\[WwDdSs]|\]\+/.test(normal)) {
    notes.warn('PATTERN_SUSPECT', at, `\`${shown(normal)}\` looks like a regular expression`, 'a pattern is a glob: * ** ? [a-z] {a,b}');
  }
  return readGlob(normal, at, notes);
}

export function readExecName(name: string, at: string, notes: Notes): ReadPath {
  if (name === '' || name.includes('/')) {
    notes.error('PATH_INVALID', at, `\`${shown(name)}\` is not the last component of a path`, 'write the name without /, or use `path`');
    return undefined;
  }
  if (/[*?]/.test(name)) {
    notes.warn(
      'GLOB_LITERAL',
      at,
      '`*` and `?` in an execname are characters of the name',
      `for a glob use matchPatterns: \`**/${shown(name)}\``,
    );
  }
  return name === '.' || name === '..'
    ? neverMatches(notes, at, `no file is called \`${name}\``, 'name the program')
    : { kind: 'execname', name };
}

/** A glob without meta characters is the exact path that it spells, and ranks as one. */
function readGlob(glob: string, at: string, notes: Notes): ReadPath {
  const info = parseGlob(glob);
  if (info.problem !== undefined) {
    notes.error(
      'GLOB_INVALID',
      at,
      `\`${shown(glob)}\` is not a glob: ${info.problem}`,
      'write \\ before a character that is meant as it is',
    );
    return undefined;
  }
  return info.literal === undefined ? { kind: 'glob', glob } : { kind: 'path', path: info.literal };
}

function isAbsolute(written: string, at: string, notes: Notes): boolean {
  if (written.startsWith('/')) return true;
  const cure =
    written.includes('/') || written === ''
      ? 'start it with /'
      : `write the whole path, such as /usr/bin/${shown(written)}; any directory: matchPatterns \`**/${shown(written)}\``;
  notes.error('PATH_INVALID', at, `\`${shown(written)}\` is not an absolute path`, cure);
  return false;
}

/**
 * Collapses `//` and `/./`, drops a final `/`: an absolute path or a glob, or the word `never`.
 * With `..` nothing matches: the kernel gives paths without it.
 */
function normalise(written: string, at: string, notes: Notes): string {
  const parts = written.split('/').filter((part, index) => part !== '' || index === 0);
  if (parts.includes('..'))
    return neverMatches(
      notes,
      at,
      `\`${shown(written)}\` has a \`..\`, and no path that the kernel gives has one`,
      'write the path without it',
    );
  const kept = parts.filter((part) => part !== '.');
  if (kept.length < parts.length)
    notes.warn('PATH_NORMALISED', at, `\`${shown(written)}\` has a \`.\` component, which is left out`, 'write the path without it');
  return kept.length === 1 && kept[0] === '' ? '/' : kept.join('/');
}
