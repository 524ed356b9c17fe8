// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const HERE = join(import.meta.dirname, 'native');
const OUT = join(import.meta.dirname, '../../.cache/native');

const PROGRAMS = { cell: 'cell.c', closeFd: 'close-fd.c', fleet: 'fleet.c', stim: 'stim*.c' } as const;

function build(name: keyof typeof PROGRAMS): string {
  const sources = globSync(PROGRAMS[name], { cwd: HERE }).toSorted();
  const newest = Math.max(...[...sources, 'stim.h'].map((file) => statSync(join(HERE, file)).mtimeMs));
  const target = join(OUT, name);
  if ((statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= newest) return target;
  mkdirSync(OUT, { recursive: true });
  const scratch = `${target}.${process.pid}`;
  const { status, stderr } = spawnSync(
    'gcc',
    ['-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror', '-o', scratch, ...sources, '-lpthread'],
    {
      cwd: HERE,
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`building ${name}: ${stderr}`);
  renameSync(scratch, target);
  return target;
}

export interface NativePrograms {
  readonly cell: string;
  readonly fleet: string;
  readonly stim: string;
}

/** Builds what is older than its sources, and says where it is. Quick on the host, slow in a guest. */
export function buildNative(): NativePrograms & { readonly closeFd: string } {
  return { cell: build('cell'), closeFd: build('closeFd'), fleet: build('fleet'), stim: build('stim') };
}
