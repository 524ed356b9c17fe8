// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const OUT = join(ROOT, '.cache/native');
const TARGET = join(OUT, 'other-version.bpf.o');
/** The storage of each task, which children inherit, gets another layout; every map of ours that holds one gets another value size. */
const FIELD = { file: 'lib/scope.h', from: '\tu32 depth;', to: '\tu64 other_version;\n\tu32 depth;' } as const;

/** The kernel programs as another version of them might be: another hash, and maps with another layout. Built where older than bpf/. */
export function buildOtherVersion(): string {
  const sources = globSync(['*.[ch]', 'lib/*.h'], { cwd: join(ROOT, 'bpf') });
  const newest = Math.max(...sources.map((file) => statSync(join(ROOT, 'bpf', file)).mtimeMs));
  if ((statSync(TARGET, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= newest) return TARGET;
  const home = join(OUT, 'other-version');
  mkdirSync(OUT, { recursive: true });
  cpSync(join(ROOT, 'bpf'), home, { recursive: true });
  const path = join(home, FIELD.file);
  const parts = readFileSync(path, 'utf8').split(FIELD.from);
  if (parts.length !== 2) throw new Error(`${FIELD.file} has ${parts.length - 1} of: ${FIELD.from}`);
  writeFileSync(path, parts.join(FIELD.to));
  execFileSync('make', ['-s', '-C', home, `OUT=${home}/out`], { stdio: ['ignore', 'ignore', 'inherit'] });
  copyFileSync(join(home, 'out/kubearmor.bpf.o'), TARGET);
  rmSync(home, { recursive: true });
  return TARGET;
}
