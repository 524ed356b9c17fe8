// SPDX-License-Identifier: Apache-2.0
//
// fuzz.ts [--sets N | --planned FILE] [--minutes M] [--seed S] [--object FILE] [--out DIR] [--predict] [--no-shrink] [--replay FILE]: random policy sets and
// accesses; this kernel, the evaluator and a naive model of the design page must agree on every verdict, every rule and every
// alert. --predict: without a kernel, evaluator and naive model alone; with --plan FILE what is
// predicted is kept there for --planned. A failure is made smaller, printed as a kernel case
// and written below --out, as JSON for --replay too. Stops at the first. Ends with `N passed, N failed`, one for each set.
// Needs what run.ts needs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { noLogger } from '#base';
import { openEnforcer } from '#enforce';
import { allowPing, kernelRelease } from '../features.ts';
import { buildNative } from '../native.ts';
import { Bench } from '../run-case.ts';
import { asCase } from './as-case.ts';
import { scenario } from './arbitraries.ts';
import { Fuzzer } from './fuzzer.ts';
import { keepPlans, readPlans } from './plan.ts';
import type { Planned } from './plan.ts';
import type { Scenario } from './scenario.ts';

const RING_BYTES = 8 << 20;
/** Sets whose alerts are awaited together: the last counts of repeated ones come seconds later. */
const BATCH = 10;

const { values: options } = parseArgs({
  options: {
    sets: { type: 'string', default: '40' },
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 0x7fffffff) },
    object: { type: 'string', default: join(import.meta.dirname, '../../../.cache/bpf/kubearmor.bpf.o') },
    out: { type: 'string', default: join(import.meta.dirname, '../../../.cache/fuzz') },
    predict: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    replay: { type: 'string' },
    plan: { type: 'string' },
    planned: { type: 'string' },
  },
});

function* scenarios(): Generator<readonly Scenario[]> {
  if (options.replay !== undefined) return yield [JSON.parse(readFileSync(options.replay, 'utf8')) as Scenario];
  for (let done = 0; done < Number(options.sets); done += BATCH) {
    const seed = (Number(options.seed) + done) % 0x7fffffff;
    yield fc.sample(scenario, { seed, numRuns: Math.min(BATCH, Number(options.sets) - done) });
  }
}

/** Sets by seed or as they were planned, a batch at a time. */
function* batches(fuzzer: Fuzzer): Generator<readonly Planned[]> {
  const planned = options.planned === undefined ? undefined : readPlans(options.planned);
  if (planned === undefined) for (const batch of scenarios()) yield batch.map((one) => fuzzer.plan(one));
  else for (let done = 0; done < planned.length; done += BATCH) yield planned.slice(done, done + BATCH);
}

async function openBench(): Promise<Bench> {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path)) ?? '/bin/busybox';
  const logger = { ...noLogger, warn: console.error, error: console.error };
  const enforcer = await openEnforcer({ objectPath: options.object, alertRingBytes: RING_BYTES, logger });
  return new Bench(enforcer, { ...buildNative(), busybox });
}

async function reportFailure(fuzzer: Fuzzer, failed: Scenario): Promise<void> {
  const small = options['no-shrink'] ? failed : await fuzzer.shrunk(failed);
  const { played, differences } = await fuzzer.judge(small);
  mkdirSync(options.out, { recursive: true });
  const path = join(options.out, `failure-${options.seed}`);
  const text = played === undefined ? JSON.stringify(small, undefined, 1) : asCase(played, differences);
  writeFileSync(`${path}.ts.txt`, `${text}\n`);
  writeFileSync(`${path}.json`, `${JSON.stringify(small, undefined, 1)}\n`);
  console.log(`FAILED  made smaller, as a kernel case (${path}.ts.txt; play it again: --replay ${path}.json):\n${text}`);
}

const started = performance.now();
const bench = options.predict ? undefined : await openBench();
console.log(
  `${bench === undefined ? 'predictions only' : `Linux ${kernelRelease()}`}, seed ${options.seed} (--seed ${options.seed} repeats it)`,
);
using _ping = bench === undefined ? undefined : allowPing();
using fuzzer = new Fuzzer(bench);
let failure: Scenario | undefined;
const plans: Planned[] = [];
for (const batch of batches(fuzzer)) {
  failure = await fuzzer.batch(batch);
  if (options.plan !== undefined) plans.push(...batch);
  const minutes = (performance.now() - started) / 60_000;
  console.log(`${fuzzer.sets} sets, ${fuzzer.accesses} accesses, ${minutes.toFixed(1)} minutes`);
  if (failure !== undefined || minutes > Number(options.minutes)) break;
}
if (options.plan !== undefined && failure === undefined) keepPlans(options.plan, plans);
if (failure !== undefined) await reportFailure(fuzzer, failure);
await bench?.stop();
bench?.enforcer[Symbol.dispose]();
const seconds = Math.round((performance.now() - started) / 1000);
console.log(`${fuzzer.accesses} accesses over ${fuzzer.sets} policy sets compared in ${seconds} s, seed ${options.seed}`);
const failed = failure === undefined ? 0 : 1;
console.log(`${fuzzer.sets - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && fuzzer.sets > 0 ? 0 : 1;
