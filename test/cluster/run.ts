// SPDX-License-Identifier: Apache-2.0
//
// run.ts [--only REGEX] [--list] [--full]: runs the suites test/cluster/*.kube.ts, each on a control plane of its own (etcd and kube-apiserver
// on loopback), and ends with `N passed, N failed`. Needs openssl and the programs that tools/kube/build makes, which it starts; no
// root. --full: faults last as long as they are said to, minutes and not seconds. What a suite leaves in the temporary folder is a failure.
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ControlPlane } from './control-plane.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

/** A case that takes longer hangs, unless it says so: most take 30 s, and many times that where others use the machine wholly. */
const HANG_MS = 900_000;

const { only, list, full } = parseArgs({
  options: { only: { type: 'string', default: '' }, list: { type: 'boolean', default: false }, full: { type: 'boolean', default: false } },
}).values;
let passed = 0;
let failed = 0;
const folder = mkdtempSync(join(tmpdir(), 'cluster-'));
process.env['TMPDIR'] = folder;
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

async function loadSuites(): Promise<{ readonly name: string; readonly suite: ClusterSuite }[]> {
  const files = globSync('*.kube.ts', { cwd: import.meta.dirname }).toSorted();
  return Promise.all(
    files.map(async (file) => {
      const { SUITE: suite } = (await import(join(import.meta.dirname, file))) as { SUITE: ClusterSuite };
      const name = basename(file, '.kube.ts');
      const cases = suite.cases.filter((test) => new RegExp(only).test(`${name}: ${test.name}`));
      return { name, suite: { ...suite, cases } };
    }),
  );
}

async function perform(title: string, { run, hangMs = HANG_MS }: ClusterCase, plane: ControlPlane): Promise<void> {
  const startMs = performance.now();
  const hang = Promise.withResolvers<never>();
  const timer = setTimeout(() => hang.reject(new Error(`no end after ${hangMs} ms`)), hangMs);
  const tookMs = (): number => Math.round(performance.now() - startMs);
  try {
    await Promise.race([run(plane, { full }), hang.promise]);
    passed++;
    console.log(`ok      ${title} (${tookMs()} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${title} (${tookMs()} ms)\n    ${error instanceof Error ? error.stack : String(error)}`);
    console.log(`--- the API server\n${plane.apiServer.logEnd()}\n---`);
  } finally {
    clearTimeout(timer);
  }
}

async function runSuite(name: string, suite: ClusterSuite, bin: string): Promise<void> {
  const startMs = performance.now();
  await using plane = await ControlPlane.start(bin, suite.options);
  console.log(`${name}: the control plane is ready after ${Math.round(performance.now() - startMs)} ms`);
  for (const test of suite.cases) await perform(`${name}: ${test.name}`, test, plane);
}

const suites = (await loadSuites()).filter(({ suite }) => suite.cases.length > 0);
if (list) {
  for (const { name, suite } of suites) for (const test of suite.cases) console.log(`${name}: ${test.name}`);
  process.exit(0);
}
const build = join(import.meta.dirname, '../../tools/kube/build');
const bin = execFileSync(build, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
for (const { name, suite } of suites) {
  try {
    await runSuite(name, suite, bin);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: the control plane: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
const left = readdirSync(folder);
if (left.length > 0) {
  failed++;
  console.log(`FAILED  left in the temporary folder: ${left.join(', ')}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
