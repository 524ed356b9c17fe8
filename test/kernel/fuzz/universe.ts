// SPDX-License-Identifier: Apache-2.0

/** A file or program of the fuzzer's root. */
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
  ...of(
    0,
    '/srv',
    '/srv/sub',
    '/srv/sub/deep',
    '/srv/sub/deep/er',
    '/srvx',
    '/var/log',
    '/var/log/app',
    '/opt/conf',
    '/opt/conf/app.d',
    '/opt',
  ),
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

/** The same for stage.ts. Open to everybody: what fails fails by a rule. */
export const ROOT: readonly string[] = [
  ...DIRECTORIES.map(({ path, uid }) => `${path}/ @${uid}:777`),
  ...FILES.map(({ path, uid }) => `${path} @${uid}:666`),
  ...PROGRAMS.filter(({ path }) => path !== '/bin/stim').map(({ path }) => `${path} = stim`),
];
