// SPDX-License-Identifier: Apache-2.0
import { asWritten } from './compile.ts';
import type { PathResolver } from './lower.ts';
import { resolveObject } from './resolve-object.ts';
import type { FoundPath } from './resolve-object.ts';

/** What a root file system is said to have, by whoever has none to look at. */
export interface RootHints {
  /** Link to target; a relative target counts from the link's directory. */
  readonly links: Readonly<Record<string, string>>;
  /** Last components of programs that are many (busybox). */
  readonly multicallBinaries: readonly string[];
}

/** As on distributions with one directory of programs. @source file-hierarchy(7), "Compatibility Symlinks" */
export const MERGED_USR: Readonly<Record<string, string>> = {
  '/bin': 'usr/bin',
  '/sbin': 'usr/sbin',
  '/lib': 'usr/lib',
  '/lib32': 'usr/lib32',
  '/lib64': 'usr/lib64',
  '/libx32': 'usr/libx32',
};

/** As the kernel: `MAXSYMLINKS`. @source Linux, include/linux/namei.h */
const LINKS_MAX = 40;

/** A root file system as far as hints tell: what is not said to be a link is none. */
export class HintedRoot {
  readonly #links: ReadonlyMap<string, string>;
  readonly #binaries: ReadonlySet<string>;

  constructor({ links, multicallBinaries }: RootHints) {
    this.#links = new Map(Object.entries(links));
    this.#binaries = new Set(multicallBinaries);
  }

  /** For `compile`. */
  get resolver(): PathResolver {
    return this.#links.size === 0 ? asWritten : (object, role) => resolveObject(object, role, (path) => this.find(path));
  }

  /** The name the kernel shows for a path; the path itself where its links lead in circles. */
  real(path: string): string {
    const found = this.#follow(path);
    return found.length === 0 ? path : found.at(-1)!;
  }

  /** What a path is: its names, and the applet where it is a link to a multi-call binary. */
  find(path: string): FoundPath {
    const steps = this.#follow(path);
    const last = steps.at(-1) ?? path;
    const names = last === path ? [path] : [path, last];
    const applet = [path, ...steps].findLast((name) => nameOf(name) !== nameOf(last));
    if (!this.#binaries.has(nameOf(last)) || applet === undefined) return { names };
    return { names, multicall: { binary: last, applet: nameOf(applet) } };
  }

  /** Each name on the way, the last without links; empty where there are none, or too many. */
  #follow(path: string): string[] {
    const steps: string[] = [];
    let at = normal(path);
    for (let count = 0; count < LINKS_MAX; count++) {
      const next = this.#step(at);
      if (next === undefined) return at === path ? [] : [...steps.filter((step) => step !== at), at];
      steps.push(next);
      at = next;
    }
    return [];
  }

  /** Follows the first link of a path. */
  #step(path: string): string | undefined {
    for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      const head = end < 0 ? path : path.slice(0, end);
      const target = this.#links.get(head);
      if (target !== undefined) {
        const base = target.startsWith('/') ? target : `${head.slice(0, head.lastIndexOf('/'))}/${target}`;
        return normal(end < 0 ? base : `${base}${path.slice(end)}`);
      }
      if (end < 0) return undefined;
    }
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** An absolute path without `//`, `.`, `..` and a final slash. */
export function normal(path: string): string {
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') out.pop();
    else if (part !== '' && part !== '.') out.push(part);
  }
  return `/${out.join('/')}`;
}
