// SPDX-License-Identifier: Apache-2.0

/** A file, directory or program of the fuzzer's root. */
export interface Entry {
  readonly path: string;
  readonly uid: number;
}

const of = (uid: number, ...paths: readonly string[]): Entry[] => paths.map((path) => ({ path, uid }));

/** Names that share beginnings, ends and lengths: what automata confuse first. */
export const FILES: readonly Entry[] = [
  ...of(0, '/srv/a', '/srv/b', '/srv/aa', '/srv/sub/a', '/srv/sub/ab', '/srv/sub/deep/a', '/srv/sub/deep/er/a.txt', '/srvx/a'),
  ...of(1000, '/srv/own', '/srv/sub/own', '/home/u/.profile', '/home/u/notes.txt', '/home/u/d/notes.txt'),
  ...of(0, '/var/log/x.log', '/var/log/app/x.log', '/var/log/app/x.log.1', '/opt/conf/app.conf', '/opt/conf/app.d/one.conf', '/opt/a.conf'),
];

export const DIRECTORIES: readonly Entry[] = [
  ...of(0, '/srv', '/srv/sub', '/srv/sub/deep', '/srv/sub/deep/er', '/srvx'),
  ...of(0, '/var/log', '/var/log/app', '/opt/conf', '/opt/conf/app.d', '/opt'),
  ...of(1000, '/home/u', '/home/u/d'),
];

/** Copies of stim. */
export const PROGRAMS: readonly Entry[] = of(
  0,
  '/bin/stim',
  '/opt/bin/run',
  '/opt/bin/runner',
  '/opt/bin/sub/run',
  '/usr/local/bin/tool',
  '/tool',
);

/** What a process may make and remove, by its uid: files of others could not be told from files that a rule denies. */
export const scratchOf = (uid: number): { readonly files: readonly string[]; readonly directories: readonly string[] } => ({
  files: [`/srv/new${uid}`, `/srv/sub/deep/new${uid}`, `/home/u/new${uid}.txt`],
  directories: [`/srv/sub/dir${uid}`, `/opt/conf/dir${uid}`],
});

/** Links by which an object may be named, in rules and in accesses. */
const LINKS: readonly (readonly [link: string, target: string])[] = [['/lnk', '/srv/sub']];

/** How a root is made: a plain one, an overlay, one with `/bin` linked into `/usr`. */
export type RootKind = 'plain' | 'overlay' | 'merged-usr';
export const ROOT_KINDS: readonly RootKind[] = ['plain', 'overlay', 'merged-usr'];

/** Where a path leads: what the kernel sees. */
export function realPath(path: string, root: RootKind): string {
  const links = root === 'merged-usr' ? [...LINKS, ['/bin', '/usr/bin'] as const] : LINKS;
  for (const [link, target] of links) if (path === link || path.startsWith(`${link}/`)) return target + path.slice(link.length);
  return path;
}

const OWNERS = new Map([...FILES, ...DIRECTORIES, ...PROGRAMS].map(({ path, uid }) => [path, uid]));

/** Who owns what stands in every root from the beginning; undefined for what a process made. */
export const ownerOf = (path: string): number | undefined => OWNERS.get(path);

/** The same for stage.ts. Open to everybody: what fails fails by a rule. */
export const ROOT: readonly string[] = [
  ...DIRECTORIES.map(({ path, uid }) => `${path}/ @${uid}:777`),
  ...FILES.map(({ path, uid }) => `${path} @${uid}:666`),
  ...PROGRAMS.filter(({ path }) => path !== '/bin/stim').map(({ path }) => `${path} = stim`),
  ...LINKS.map(([link, target]) => `${link} -> ${target}`),
];

/** What a scenario is mostly about: few names, so that rules and accesses meet. */
export interface Focus {
  readonly files: readonly string[];
  readonly directories: readonly string[];
  readonly programs: readonly string[];
}
