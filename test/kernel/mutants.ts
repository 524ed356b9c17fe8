// SPDX-License-Identifier: Apache-2.0
//
// mutants.ts [--only REGEX] [--index N] [--kernel 6.12] [--part NAME] [--seed S]: breaks one place at a time in a copy of the tree (mutations.ts);
// the kernel cases or the kernel fuzzer must find each. Those of the kernel's programs take minutes each, in a guest where this machine's kernel
// takes no LSM programs. Ends with `N passed, N failed`, one for each mutation.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { onKernel } from './guest.ts';
import { MUTATIONS } from './mutations.ts';
import type { Mutation } from './mutations.ts';
import { buildNative } from './native.ts';

const ROOT = join(import.meta.dirname, '../..');
const HOME = join(ROOT, '.cache/mutants');
const GUEST_SECONDS = 900;
/** Sets that the fuzzer may need: found ones end at once. */
const SETS = { played: '150', predicted: '2000' };

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    part: { type: 'string', default: '' },
    index: { type: 'string', default: '' },
    kernel: { type: 'string', default: '6.12' },
    seed: { type: 'string', default: '1' },
  },
});

function mutate({ file, from, to }: Mutation, home: string): void {
  const path = join(home, file);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} of: ${from}`);
  writeFileSync(path, parts.join(to));
}

/** A copy of the tree with the mutation; what is not copied is that of the tree. */
function copyWith(mutation: Mutation, home: string): void {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(join(home, '.cache'), { recursive: true });
  for (const name of ['src', 'test', 'bpf', 'package.json']) cpSync(join(ROOT, name), join(home, name), { recursive: true });
  for (const name of ['node_modules', '.cache/native']) symlinkSync(join(ROOT, name), join(home, name));
  mutate(mutation, home);
}

/** The object of a mutation, compiled. */
function build(home: string): string {
  execFileSync('make', ['-s', '-C', join(home, 'bpf'), `OUT=${home}/out`], { stdio: ['ignore', 'ignore', 'inherit'] });
  return `${home}/out/kubearmor.bpf.o`;
}

/** In a guest nothing is written that stays: a failure's files go nowhere. */
const fuzz = (home: string): string[] => [
  join(home, 'test/kernel/fuzz/fuzz.ts'),
  '--no-shrink',
  '--seed',
  options.seed,
  '--out',
  join(home, 'out'),
];

/** What must come of the sets that a matcher is tried with: made once, by the tree as it is. */
function planned(): string {
  const path = join(HOME, 'plan.jsonl');
  const { status, stdout } = onKernel('local', [...fuzz(ROOT), '--predict', '--sets', SETS.played, '--plan', path], { seconds: 0 });
  if (status !== 0) throw new Error(`without a mutation: ${stdout}`);
  return path;
}

/** What the run printed that must find it. */
function search({ part, foundBy }: Mutation, home: string): string {
  if (part === 'compiler' || part === 'evaluator')
    return spawnSync(process.execPath, [...fuzz(home), '--predict', '--sets', SETS.predicted], { encoding: 'utf8' }).stdout;
  const object = build(home);
  const command =
    foundBy === 'fuzzer'
      ? [...fuzz(ROOT), '--planned', (plan ??= planned()), '--object', object]
      : [join(ROOT, 'test/kernel/run.ts'), '--object', object, '--only', foundBy.cases];
  return onKernel(options.kernel, command, { seconds: GUEST_SECONDS }).stdout;
}

/** How it was found; undefined where it was not, or the run told nothing. */
function finding(stdout: string): string | undefined {
  const told = /^(\d+) passed, (\d+) failed/m.exec(stdout);
  if (told === null || Number(told[2]) === 0 || !stdout.includes('FAILED')) return undefined;
  return /^\d+ accesses over \d+ policy sets/m.exec(stdout)?.[0] ?? `${told[2]} cases red`;
}

buildNative();
let plan: string | undefined;
const total = { passed: 0, failed: 0 };
for (const [index, mutation] of MUTATIONS.entries()) {
  if (!new RegExp(options.only).test(mutation.name) || !mutation.part.startsWith(options.part)) continue;
  if (options.index !== '' && Number(options.index) !== index) continue;
  const home = join(HOME, String(index));
  copyWith(mutation, home);
  const stdout = search(mutation, home);
  const found = finding(stdout);
  rmSync(home, { recursive: true, force: true });
  total[found === undefined ? 'failed' : 'passed']++;
  console.log(`${found === undefined ? 'FAILED ' : 'ok     '} ${mutation.part}: ${mutation.name}: ${found ?? 'not found'}`);
  if (found === undefined) console.log(stdout.split('\n').slice(-12).join('\n'));
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
