// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Enforcer } from '#enforce';
import { GUARD } from './cases/self.ts';
import { GUARD_CGROUP } from './cases/self-places.ts';

/**
 * What a root is made of, a string each, in order:
 *   `/etc/file`  a file with some text · `/dir/` · `/link -> target` · `/usr/bin/x = stim` (or busybox): a copy of a program
 *   `/name == /other`  a hard link · `/script #!/bin/stim`  a script · `… @1000`  owned by a user, `… @1000:666`  with this mode
 *   `volume:/path`  the same below a directory of its own, a tmpfs too, beside the root: for binds
 */
export type Tree = readonly string[];

const REAL_BIN: Tree = ['/bin/stim = stim'];
/** As distributions have it today. */
const MERGED_USR: Tree = ['/usr/bin/stim = stim', '/usr/sbin/', '/usr/lib/', '/bin -> usr/bin', '/sbin -> usr/sbin', '/lib -> usr/lib'];
const USUAL: Tree = [
  '/etc/passwd',
  '/etc/group',
  '/etc/shadow',
  '/etc/hosts',
  '/data/a',
  '/data/b',
  '/data/sub/c',
  '/data/sub/deep/d',
  '/tmp/',
  '/mnt/',
  '/proc/',
  '/dev/pts/',
];

/** Mounts a tmpfs for each root at once: a program started for each would cost more than the cases. */
export function mountRoots(directories: readonly string[]): void {
  for (const directory of directories) mkdirSync(directory, { recursive: true });
  const { status, stderr } = spawnSync('sh', ['-ec', 'for d do mount -t tmpfs case "$d"; done', 'sh', ...directories], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mounting roots: ${stderr}`);
}

/** The end of every root. */
export function unmountRoots(directories: readonly string[]): void {
  if (directories.length > 0) spawnSync('umount', ['-l', ...directories]);
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
}

export interface Stage {
  /** The container's root, on the host. */
  readonly root: string;
  /** Where `volume:` stands. */
  readonly volume: string;
  clear(): void;
}

function must(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

function make(base: string, item: string, programs: Readonly<Record<string, string>>): void {
  const owned = / @(\d+)(?::(\d+))?$/.exec(item);
  const text = owned === null ? item : item.slice(0, owned.index);
  const [path = '', kind, what = ''] = text.split(/ (->|==|=|#!)\s*/, 3);
  const at = join(base, path);
  mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true });
  if (kind === '->') {
    symlinkSync(what, at);
  } else if (kind === '=') {
    copyFileSync(programs[what]!, at);
    chmodSync(at, 0o755);
  } else if (kind === '==') {
    linkSync(join(base, what), at);
  } else if (kind === '#!') {
    writeFileSync(at, `#!${what}\n`, { mode: 0o755 });
  } else if (!path.endsWith('/')) {
    writeFileSync(at, `${path}\n`);
  }
  if (owned === null) return;
  chownSync(at, Number(owned[1]), Number(owned[1]));
  if (owned[2] !== undefined) chmodSync(at, Number.parseInt(owned[2], 8));
}

export interface StageOptions {
  readonly overlay: boolean;
  /** `/bin`, `/sbin` and `/lib` are links into `/usr`. */
  readonly mergedUsr: boolean;
  readonly programs: Readonly<Record<string, string>>;
}

/**
 * Makes a container's root.
 *
 * @param directory a tmpfs of its own, empty: it becomes the root itself, or holds the layers of one and the volume
 */
export function setStage(directory: string, tree: Tree, options: StageOptions): Stage {
  const beside = `${directory}.more`;
  const [volume, merged] = [join(beside, 'volume'), join(beside, 'merged')];
  const mounted: string[] = [];
  const mount = (at: string, ...args: string[]): void => {
    mkdirSync(at, { recursive: true });
    must('mount', ...args, at);
    mounted.unshift(at);
  };
  const base = options.overlay ? join(directory, 'lower') : directory;
  if (tree.some((item) => item.startsWith('volume:'))) mount(volume, '-t', 'tmpfs', 'volume');
  for (const item of [...(options.mergedUsr ? MERGED_USR : REAL_BIN), ...USUAL, ...tree]) {
    if (item.startsWith('volume:')) make(volume, item.slice('volume:'.length), options.programs);
    else make(base, item, options.programs);
  }
  if (options.overlay) {
    const [upper, work] = [join(directory, 'upper'), join(directory, 'work')];
    for (const layer of [upper, work]) mkdirSync(layer);
    mount(merged, '-t', 'overlay', '-o', `lowerdir=${base},upperdir=${upper},workdir=${work}`, 'case');
  }
  const clear = (): void => {
    for (const at of mounted) must('umount', '-l', at);
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true });
    rmSync(beside, { recursive: true, force: true });
  };
  return { root: options.overlay ? merged : directory, volume, clear };
}

/** Directories and sockets of the host that the enforcer guards as if they were the agent's (cases/self.ts). */
export function setGuarded(enforcer: Pick<Enforcer, 'guard'>): Disposable {
  rmSync(GUARD, { recursive: true, force: true });
  for (const name of ['state', 'above/state', 'other', 'disk']) mkdirSync(join(GUARD, name), { recursive: true });
  must('mount', '-t', 'tmpfs', 'guarded', join(GUARD, 'disk'));
  for (const name of [join(GUARD, 'disk/state'), GUARD_CGROUP]) mkdirSync(name, { recursive: true });
  for (const name of ['state/file', 'above/state/file', 'free']) writeFileSync(join(GUARD, name), 'some text');
  const sockets = ['state/socket', 'open-socket'].map((name) => createServer().listen(join(GUARD, name)));
  enforcer.guard([...['state', 'above/state', 'disk/state'].map((name) => join(GUARD, name)), GUARD_CGROUP]);
  return {
    [Symbol.dispose]: () => {
      enforcer.guard([]);
      for (const socket of sockets) socket.close();
      must('umount', '-l', join(GUARD, 'disk'));
      rmdirSync(GUARD_CGROUP);
      rmSync(GUARD, { recursive: true, force: true });
    },
  };
}
