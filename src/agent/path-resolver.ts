// SPDX-License-Identifier: Apache-2.0
import { parseGlob } from '#automaton';
import { KubeArmorError, noLogger } from '#base';
import type { Logger } from '#base';
import { openContainerRoot } from '#host';
import type { ContainerRoot, ResolvedPath } from '#host';
import type { PathObject, PathResolver, ResolvedName } from '#policy';
import type { BoundWorkload } from '#workloads';

type Role = Parameters<PathResolver>[1];

/** Opens a container's root for a moment; `openContainerRoot` but for tests. */
export type OpenRoot = (rootPath: string) => ContainerRoot;

/** Where a program that rules name by its last component may be a link to a multi-call binary. */
const PROGRAM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Paths remembered of one container: rules are at most as many. */
const REMEMBERED_MAX = 65_536;

/**
 * What the paths of rules mean inside one start of one container (semantics: “The rule's path”).
 *
 * What was looked up stays so until the container is started again: later changes of its files cannot change an answer. A policy
 * may come long after the start, so for Allow rules links count only if they are older than the container: one that the container
 * made cannot widen what an Allow rule means.
 */
export class ContainerPaths {
  readonly #rootPath: string;
  readonly #createdNs: bigint;
  readonly #openRoot: OpenRoot;
  readonly #logger: Logger;
  readonly #known = new Map<string, ResolvedPath>();
  readonly #knownBefore = new Map<string, ResolvedPath>();

  constructor(
    { rootPath, createdNs }: Pick<BoundWorkload, 'rootPath' | 'createdNs'>,
    openRoot: OpenRoot = openContainerRoot,
    logger: Logger = noLogger,
  ) {
    this.#rootPath = rootPath;
    this.#createdNs = createdNs ?? 0n; // where it is not known no link is old enough
    this.#openRoot = openRoot;
    this.#logger = logger;
  }

  /**
   * Runs `use` with a resolver for `compile`. The root is open meanwhile, and only if it is needed.
   *
   * Where it cannot be opened (its process is gone) names stay as written.
   */
  with<T>(use: (resolve: PathResolver) => T): T {
    let root: ContainerRoot | undefined;
    let tried = false;
    const lookUpWith =
      (known: Map<string, ResolvedPath>, linksBeforeNs?: bigint) =>
      (path: string): ResolvedPath => {
        const before = known.get(path);
        if (before !== undefined) return before;
        if (!tried) root = this.#open();
        tried = true;
        if (root === undefined) return { names: [path], outcome: 'missing' };
        const found = root.resolve(path, linksBeforeNs);
        if (known.size < REMEMBERED_MAX) known.set(path, found);
        return found;
      };
    const now = lookUpWith(this.#known);
    const asCreated = lookUpWith(this.#knownBefore, this.#createdNs);
    try {
      return use((object, role, action) => resolveObject(object, role, action === 'Allow' ? asCreated : now));
    } finally {
      root?.[Symbol.dispose]();
    }
  }

  #open(): ContainerRoot | undefined {
    try {
      return this.#openRoot(this.#rootPath);
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      this.#logger.warn('paths of rules stay as written', { why: error.message });
      return undefined;
    }
  }
}

/** The names of one path object in a root. */
export function resolveObject(object: PathObject, role: Role, lookUp: (path: string) => ResolvedPath): readonly ResolvedName[] {
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
function pathNames(path: string, role: Role, lookUp: (path: string) => ResolvedPath): ResolvedName[] {
  const { names, multicall } = lookUp(path);
  const named = (name: string): ResolvedName => ({ object: { kind: 'path', path: name } });
  if (role !== 'exec' || multicall === undefined) return names.map(named);
  const { binary, applet } = multicall;
  return [...names.filter((name) => name !== binary).map(named), { object: { kind: 'path', path: binary }, applet }];
}

function appletsNamed(name: string, lookUp: (path: string) => ResolvedPath): ResolvedName[] {
  const binaries = PROGRAM_DIRECTORIES.flatMap((directory) => lookUp(`${directory}/${name}`).multicall?.binary ?? []);
  return [...new Set(binaries)].map((binary) => ({ object: { kind: 'path', path: binary }, applet: name }));
}

/** The directory before the first meta character resolves as any directory does; what follows is kept as written. */
function globNames(glob: string, lookUp: (path: string) => ResolvedPath): string[] {
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
