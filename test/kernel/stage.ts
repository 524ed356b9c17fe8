// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * What a root is made of, a string each, in order:
 *   `/etc/file`  a file with some text · `/dir/` · `/link -> target` · `/usr/bin/x = stim` (or busybox): a copy of a program
 *   `/name == /other`  a hard link · `/script #!/bin/stim`  a script · `… @1000`  owned by a user
 *   `volume:/path`  the same below a directory of its own, a tmpfs too, beside the root: for binds
 */
export type Tree = readonly string[];

const USUAL: Tree = [
  '/bin/stim = stim',
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
  const owned = / @(\d+)$/.exec(item);
  const text = owned === null ? item : item.slice(0, owned.index);
  const [path = '', kind, what = ''] = text.split(/ (->|=|==|#!)\s*/, 3);
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
  if (owned !== null) chownSync(at, Number(owned[1]), Number(owned[1]));
}

/** Makes a container's root on a tmpfs of its own, or an overlay over one. */
export function setStage(directory: string, tree: Tree, options: { overlay: boolean; programs: Readonly<Record<string, string>> }): Stage {
  const root = join(directory, 'root');
  const volume = join(directory, 'volume');
  const mounted: string[] = [];
  const mount = (at: string, ...args: string[]): void => {
    mkdirSync(at, { recursive: true });
    must('mount', ...args, at);
    mounted.unshift(at);
  };
  const base = options.overlay ? join(directory, 'lower') : root;
  mount(options.overlay ? directory : root, '-t', 'tmpfs', 'case');
  if (tree.some((item) => item.startsWith('volume:'))) mount(volume, '-t', 'tmpfs', 'volume');
  for (const item of [...USUAL, ...tree]) {
    if (item.startsWith('volume:')) make(volume, item.slice('volume:'.length), options.programs);
    else make(base, item, options.programs);
  }
  if (options.overlay) {
    const [upper, work] = [join(directory, 'upper'), join(directory, 'work')];
    mkdirSync(upper);
    mkdirSync(work);
    mount(root, '-t', 'overlay', '-o', `lowerdir=${base},upperdir=${upper},workdir=${work}`, 'case');
  }
  const clear = (): void => {
    for (const at of mounted) spawnSync('umount', ['-l', at]);
    rmSync(directory, { recursive: true, force: true });
  };
  return { root, volume, clear };
}
