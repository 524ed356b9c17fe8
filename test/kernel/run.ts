// SPDX-License-Identifier: Apache-2.0
//
// run.ts [--kernel NAME] [--only REGEX] [--list] [--verbose] [--object FILE] [--build]: runs the kernel cases on this kernel,
// all in one process, and ends with `N passed, N failed[, N skipped]`. --build: only builds the native programs and the other version, for a guest
// that would need long. Needs root, a kernel with BPF LSM, gcc, busybox.
import { parseArgs } from 'node:util';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { noLogger } from '#base';
import { openEnforcer } from '#enforce';
import type { Enforcer } from '#enforce';
import type { KernelCase } from './case.ts';
import { CASES } from './cases/index.ts';
import { allowPing, kernelRelease, missingFeatures } from './features.ts';
import { buildNative } from './native.ts';
import { buildOtherVersion } from './other-version.ts';
import type { Alert } from './alerts.ts';
import { Bench, judge, linesOf, runCase } from './run-case.ts';
import type { Performed } from './run-case.ts';
import { mountRoots, setGuarded, unmountRoots } from './stage.ts';

const OBJECT = join(import.meta.dirname, '../../.cache/bpf/kubearmor.bpf.o');
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
const ROOTS = '/run/kernel-cases';
const LAUNCHERS = { manager: '/run/kernel-launch/manager', runtime: '/run/kernel-launch/runtime', anybody: '/run/kernel-launch/anybody' };
/** Small, so that a stopped reader is soon a full ring. */
const RING_BYTES = 1 << 18;

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'local' },
    only: { type: 'string', default: '' },
    object: { type: 'string', default: OBJECT },
    list: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    build: { type: 'boolean', default: false },
  },
});

const total = { passed: 0, failed: 0, skipped: 0 };

function finish(): never {
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped === 0 ? '' : `, ${total.skipped} skipped`}`);
  process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
}

/** A failure before or after the cases counts as one: `why` says what. */
function broken(why: string, error?: unknown): void {
  total.failed++;
  console.log(`FAILED  ${why}`);
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    console.log(`    ${cause.stack ?? cause.message}`.split('\n').slice(0, 60).join('\n    '));
}

function selectCases(): KernelCase[] {
  const names = CASES.map(({ name }) => name);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) throw new Error(`two cases are called: ${twice.join(', ')}`);
  return CASES.filter(({ name }) => new RegExp(options.only).test(name));
}

async function open(): Promise<Enforcer | undefined> {
  const started = performance.now();
  try {
    const logger = { ...noLogger, warn: console.error, error: console.error };
    const enforcer = await openEnforcer({
      objectPath: options.object,
      alertRingBytes: RING_BYTES,
      launchers: { services: [LAUNCHERS.manager], containers: [LAUNCHERS.runtime] },
      logger,
    });
    console.log(`${options.kernel}: ${kernelRelease()}, enforcer open after ${Math.round(performance.now() - started)} ms`);
    for (const { hook, reason } of enforcer.report.missing) broken(`the hook ${hook} is not attached: ${reason}`);
    return enforcer;
  } catch (error) {
    broken('the enforcer does not open', error);
    return undefined;
  }
}

function report(performed: Performed, bench: Bench): void {
  const { test, outcomes, ms } = performed;
  const problems = judge(performed, bench);
  const failed = problems.length > 0;
  total[failed ? 'failed' : 'passed']++;
  console.log(`${failed ? 'FAILED ' : 'ok     '} ${test.name} (${Math.round(ms)} ms)`);
  for (const problem of problems) console.log(`    ${problem}`);
  if (!failed && !options.verbose) return;
  for (const { step, result } of outcomes) console.log(`      | ${step.text.slice(0, 200)}  ${result}`);
  for (const line of linesOf(test, bench)) console.log(`      > ${line.slice(0, 300)}`);
}

function describe({ event }: Alert): string {
  return JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

/** The cases that this kernel can run; says which it cannot, and why. */
function runnable(cases: readonly KernelCase[], stim: string): KernelCase[] {
  const missing = missingFeatures(
    stim,
    cases.flatMap(({ needs }) => needs ?? []),
  );
  return cases.filter(({ name, needs }) => {
    const lacking = (needs ?? []).filter((feature) => missing.has(feature));
    if (lacking.length === 0) return true;
    total.skipped++;
    console.log(`skipped ${name}: this kernel has no ${lacking.join(', ')}`);
    return false;
  });
}

async function performAll(cases: readonly KernelCase[], bench: Bench): Promise<Performed[]> {
  const directories = cases.map((_, index) => `${ROOTS}/case-${index}`);
  mountRoots(directories);
  try {
    const performed: Performed[] = [];
    for (const [index, test] of cases.entries()) {
      if (options.verbose) console.log(`…       ${test.name}`);
      performed.push(await runCase(test, bench, directories[index]!));
    }
    return performed;
  } finally {
    unmountRoots(directories);
  }
}

async function runAll(cases: readonly KernelCase[], bench: Bench): Promise<void> {
  using _ping = allowPing();
  using _guarded = setGuarded(bench.enforcer);
  const performed = await performAll(runnable(cases, bench.programs.stim), bench);
  const unsettled = await bench.settle();
  for (const result of performed) report(result, bench);
  await bench.close();
  if (unsettled !== undefined) broken(unsettled);
  if (bench.lost > 0 && performed.every(({ test }) => test.total === undefined)) broken(`${bench.lost} alerts were lost`);
  const [stray] = bench.alertsOf('');
  if (stray !== undefined) broken(`${bench.alertsOf('').length} alerts of no workload, the first: ${describe(stray)}`);
  const compared = performed.reduce((sum, result) => sum + result.compared, 0);
  console.log(`${compared} steps compared with the reference evaluator`);
}

if (options.build) {
  buildNative();
  buildOtherVersion();
  process.exit(0);
}
const cases = selectCases();
if (options.list) {
  for (const { name } of cases) console.log(name);
  console.log(`${cases.length} cases`);
  process.exit(0);
}
const busybox = BUSYBOX.find((path) => existsSync(path));
if (busybox === undefined) throw new Error('busybox is not here; tools/setup.sh installs it');
const enforcer = await open();
if (enforcer === undefined) finish();
try {
  const programs = { ...buildNative(), busybox };
  mkdirSync(dirname(LAUNCHERS.manager), { recursive: true });
  for (const path of Object.values(LAUNCHERS)) copyFileSync(programs.cell, path);
  await runAll(cases, new Bench(enforcer, programs, LAUNCHERS));
} catch (error) {
  broken('the run ended early', error);
}
enforcer[Symbol.dispose]();
finish();
