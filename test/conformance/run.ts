// SPDX-License-Identifier: Apache-2.0
//
// run.ts [--kernel NAME] [--object FILE] [--only REGEX] [--failing PATH]… [--verbose] PATH…: plays conformance cases on this kernel,
// a line each, and ends with `N passed, N failed, N skipped`. The cases of --failing pass where they fail as they say (`fails_with`).
// Needs root, a kernel with BPF LSM, what `make build` and `test/kernel/run.ts --build` leave, busybox. tools/conformance.sh starts it.
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { noLogger } from '#base';
import { openEnforcer } from '#enforce';
import type { Enforcer } from '#enforce';
import { allowPing, kernelRelease } from '../kernel/features.ts';
import { buildNative } from '../kernel/native.ts';
import { meantBy } from './deviations.ts';
import type { Deviation } from './deviations.ts';
import { readCases } from './format.ts';
import type { CaseFile, ConformanceCase } from './format.ts';
import { Missing } from './missing.ts';
import { Roots } from './node.ts';
import type { Bench } from './node.ts';
import { Player } from './play.ts';
import type { Played } from './play.ts';
import { Recorder } from './recorder.ts';
import { tableProblems } from './tables.ts';

const OBJECT = join(import.meta.dirname, '../../.cache/bpf/kubearmor.bpf.o');
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
const ROOTS = '/run/conformance';
const PROGRAMS = '/run/conformance-programs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: 'local' },
    object: { type: 'string', default: OBJECT },
    only: { type: 'string', default: '' },
    failing: { type: 'string', multiple: true, default: [] },
    verbose: { type: 'boolean', default: false },
  },
});

const total = { passed: 0, failed: 0, skipped: 0 };

function finish(): never {
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
}

function tell(word: keyof typeof total, what: string, more: readonly string[] = []): void {
  total[word]++;
  console.log(`${(word === 'failed' ? 'FAILED' : word).padEnd(7)} ${what}`);
  for (const line of more) console.log(`    ${line}`);
}

/** A case that is to fail: passes where it fails for the reasons that it gives, each of them, and for no other. */
function turned({ fails_with: reasons = [] }: ConformanceCase, { problems, missing, trace }: Played): Played {
  if (missing !== undefined || reasons.length === 0) return { problems: ['it is to fail, and does not say how'], trace };
  const patterns = reasons.map((reason) => new RegExp(reason, 's'));
  const absent = patterns.filter((pattern) => !problems.some((problem) => pattern.test(problem)));
  const other = problems.filter((problem) => !patterns.some((pattern) => pattern.test(problem)));
  return {
    problems: [...absent.map(({ source }) => `it does not fail with ${source}`), ...other.map((one) => `it fails with ${one}`)],
    trace,
  };
}

function report(test: ConformanceCase, { problems, missing, trace }: Played, deviations: readonly Deviation[], ms: number): void {
  if (missing !== undefined) return tell('skipped', `${test.id}: ${missing}`);
  const why = deviations.map(({ construct, paragraph, reason }) => `deviates: ${construct}: ${reason} (${paragraph})`);
  const more = options.verbose || problems.length > 0 ? [...problems, ...trace.map((line) => `  ${line}`)] : [];
  tell(problems.length > 0 ? 'failed' : 'passed', `${test.id}: ${test.title.trim()} (${Math.round(ms)} ms)`, [...why, ...more]);
}

async function playTable(table: NonNullable<ConformanceCase['table']>): Promise<Played> {
  try {
    return { problems: await tableProblems(table), trace: [] };
  } catch (error) {
    if (error instanceof Missing) return { problems: [], missing: error.message, trace: [] };
    return { problems: [String(error)], trace: [] };
  }
}

async function playAll(files: readonly CaseFile[], player: Player, isFailing: boolean): Promise<void> {
  for (const { file, test, problem } of files) {
    if (test === undefined) {
      tell('failed', `${file}: ${problem}`);
      continue;
    }
    if (!new RegExp(options.only).test(test.id)) continue;
    const started = performance.now();
    const { test: meant, deviations } = meantBy(test);
    const played = meant.table === undefined ? await player.play(meant) : await playTable(meant.table);
    report(test, isFailing ? turned(test, played) : played, deviations, performance.now() - started);
  }
}

async function open(): Promise<Enforcer> {
  const logger = { ...noLogger, warn: console.error, error: console.error };
  const started = performance.now();
  const enforcer = await openEnforcer({ objectPath: options.object, logger });
  console.log(`${options.kernel}: ${kernelRelease()}, enforcer open after ${Math.round(performance.now() - started)} ms`);
  for (const { hook, reason } of enforcer.report.missing) tell('failed', `the hook ${hook} is not attached: ${reason}`);
  return enforcer;
}

/** The programs that roots are made of, in memory: they are copied some hundred times, and a guest's disk is far away. */
function programsNearby(): Bench['programs'] {
  const busybox = BUSYBOX.find((path) => existsSync(path));
  if (busybox === undefined) throw new Error('busybox is not here; tools/setup.sh installs it');
  rmSync(PROGRAMS, { recursive: true, force: true });
  mkdirSync(PROGRAMS, { recursive: true });
  const near = (name: string, path: string): string => {
    const copy = join(PROGRAMS, name);
    copyFileSync(path, copy);
    return copy;
  };
  const { cell, stim, fleet } = buildNative();
  return { cell: near('cell', cell), stim: near('stim', stim), fleet, busybox: near('busybox', busybox) };
}

async function run(): Promise<void> {
  const cases = readCases(positionals);
  const failing = readCases(options.failing);
  if (cases.length + failing.length === 0) throw new Error('no cases: give files or folders of them');
  using enforcer = await open();
  using _ping = allowPing();
  using roots = new Roots(ROOTS);
  const recorder = new Recorder(enforcer);
  const player = new Player({ enforcer, programs: programsNearby(), roots }, recorder);
  await playAll(cases, player, false);
  await playAll(failing, player, true);
  await recorder.stop();
  rmSync(PROGRAMS, { recursive: true, force: true });
  if (recorder.lost > 0) tell('failed', `${recorder.lost} events were lost`);
}

try {
  await run();
} catch (error) {
  tell('failed', `the run ended early: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}
finish();
