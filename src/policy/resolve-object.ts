// SPDX-License-Identifier: Apache-2.0
import { parseGlob } from '#automaton';
import type { PathResolver, ResolvedName } from './lower.ts';
import type { PathObject } from './model.ts';

type Role = Parameters<PathResolver>[1];

/** What a path is in a root file system. */
export interface FoundPath {
  /** The path as written, then, if different, as it resolves. */
  readonly names: readonly string[];
  /** Where the path is a link to a multi-call binary: the binary's path, and the name it is called by. */
  readonly multicall?: { readonly binary: string; readonly applet: string } | undefined;
}
type LookUp = (path: string) => FoundPath;

/** Where a program that rules name by its last component may be a link to a multi-call binary. */
const PROGRAM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The names of one path object in a root. */
export function resolveObject(object: PathObject, role: Role, lookUp: LookUp): readonly ResolvedName[] {
  switch (object.kind) {
    case 'path':
      return pathNames(object.path, role, lookUp);
    case 'dir':
      return lookUp(object.dir).names.map((dir) => ({ object: { ...object, dir } }));
    case 'glob':
      return globNames(object.glob, lookUp).map((glob) => ({ object: { kind: 'glob', glob } }));
    case 'execname':
      return [{ object }, ...(role === 'exec' ? appletsNamed(object.name, lookUp) : [])];
  }
}

/** A link to a multi-call binary means, for an exec rule, the applet: the binary itself is then no name of the rule. */
function pathNames(path: string, role: Role, lookUp: LookUp): ResolvedName[] {
  const { names, multicall } = lookUp(path);
  const named = (name: string): ResolvedName => ({ object: { kind: 'path', path: name } });
  if (role !== 'exec' || multicall === undefined) return names.map(named);
  const { binary, applet } = multicall;
  return [...names.filter((name) => name !== binary).map(named), { object: { kind: 'path', path: binary }, applet }];
}

function appletsNamed(name: string, lookUp: LookUp): ResolvedName[] {
  const binaries = PROGRAM_DIRECTORIES.flatMap((directory) => lookUp(`${directory}/${name}`).multicall?.binary ?? []);
  return [...new Set(binaries)].map((binary) => ({ object: { kind: 'path', path: binary }, applet: name }));
}

/** The directory before the first meta character resolves as any directory does; what follows is kept as written. */
function globNames(glob: string, lookUp: LookUp): string[] {
  const { prefix } = parseGlob(glob);
  const directory = prefix.slice(0, prefix.lastIndexOf('/'));
  const written = escapedLength(glob, directory);
  if (directory === '' || written === undefined) return [glob];
  const rest = glob.slice(written);
  return lookUp(directory).names.map((name) => (name === directory ? glob : `${escapeGlob(name === '/' ? '' : name)}${rest}`));
}

/** How much of a glob spells this literal text, with its escapes. */
function escapedLength(glob: string, literal: string): number | undefined {
  let at = 0;
  for (const character of literal) {
    if (glob[at] === '\\') at++;
    if (!glob.startsWith(character, at)) return undefined;
    at += character.length;
  }
  return at;
}

const escapeGlob = (path: string): string => path.replace(/[\\*?[\]{},]/g, '\\$&');
