// SPDX-License-Identifier: Apache-2.0
//
// fuzz.ts [--sets N] [--minutes M] [--seed S] [--object FILE]: random policy sets and accesses on this kernel; the kernel and the
// evaluator must agree on every verdict and every alert. Ends with `N passed, N failed`, one for each set. Needs what run.ts needs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { noLogger } from '#base';
import { openEnforcer } from '#enforce';
import { lineOf } from '../alerts.ts';
import { kernelRelease } from '../features.ts';
import { buildNative } from '../native.ts';
import { Bench } from '../run-case.ts';
import { mountRoots, unmountRoots } from '../stage.ts';
import { policySet, programs } from './arbitraries.ts';
import type { PolicySet, Program } from './arbitraries.ts';
import { play } from './play.ts';
import type { Played } from './play.ts';

const ROOTS = '/run/kernel-fuzz';
const RING_BYTES = 8 << 20;
/** Tries to make a failure smaller. */
const SHRINKS_MAX = 300;

const { values: options } = parseArgs({
  options: {
    sets: { type: 'string', default: '40' },
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 0x7fffffff) },
    object: { type: 'string', default: join(import.meta.dirname, '../../../.cache/bpf/kubearmor.bpf.o') },
  },
});

const fuzzed = fc.record({ set: policySet, programs });
type Fuzzed = { readonly set: PolicySet; readonly programs: readonly Program[] };

/** Plays sets, each under a key of its own, and judges their alerts once all have come. */
class Fuzzer {
  readonly #bench: Bench;
  readonly #played = new Map<string, { readonly played: Played; readonly fuzzed: Fuzzed }>();
  accesses = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async play(given: Fuzzed): Promise<Played> {
    const key = `set ${this.#played.size}`;
    const directory = `${ROOTS}/${this.#played.size}`;
    mountRoots([directory]);
    try {
      const played = await play(given.set, given.programs, { key, bench: this.#bench, directory });
      this.#played.set(key, { played, fuzzed: given });
      this.accesses += played.accesses;
      return played;
    } finally {
      unmountRoots([directory]);
    }
  }

  #eventsOf(key: string, line: string): string {
    const events = this.#bench.alertsOf(key).filter(({ event }) => line === `${event.outcome} ${event.ruleId ?? 'posture'}`);
    return events.map((alert) => `${lineOf(alert, true)} x${alert.event.count}`).join(', ');
  }

  /** What is wrong with the alerts of all sets. */
  async alertProblems(): Promise<string[]> {
    const unsettled = await this.#bench.settle();
    const problems = unsettled === undefined ? [] : [unsettled];
    for (const [key, { played, fuzzed: given }] of this.#played) {
      const came = new Map<string, number>();
      for (const { event } of this.#bench.alertsOf(key)) {
        const line = `${event.outcome} ${event.ruleId ?? 'posture'}`;
        came.set(line, (came.get(line) ?? 0) + event.count);
      }
      for (const line of new Set([...came.keys(), ...played.alerts.keys()])) {
        const [want, have] = [played.alerts.get(line) ?? 0, came.get(line) ?? 0];
        if (want !== have)
          problems.push(`${key}: ${line}: ${want} alerts expected, ${have} came: ${this.#eventsOf(key, line)}\n${JSON.stringify(given)}`);
      }
    }
    return problems;
  }
}

const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path)) ?? '/bin/busybox';
const seed = Number(options.seed);
const started = performance.now();
const logger = { ...noLogger, warn: console.error, error: console.error };
using enforcer = await openEnforcer({ objectPath: options.object, alertRingBytes: RING_BYTES, logger });
const bench = new Bench(enforcer, { ...buildNative(), busybox });
const fuzzer = new Fuzzer(bench);
console.log(`Linux ${kernelRelease()}, seed ${seed} (--seed ${seed} repeats it)`);

const property = fc.asyncProperty(fuzzed, async (given) => {
  const { differences } = await fuzzer.play(given);
  if (differences.length > 0) throw new Error(differences.join('\n'));
});
const run = await fc.check(property, {
  seed,
  numRuns: Number(options.sets),
  interruptAfterTimeLimit: Number(options.minutes) * 60_000,
  markInterruptAsFailure: false,
  maxSkipsPerRun: SHRINKS_MAX,
});
let failed = 0;
if (run.failed) {
  failed++;
  console.log(`FAILED  after ${run.numRuns} sets, ${run.numShrinks} times made smaller:`);
  console.log(JSON.stringify(run.counterexample?.[0], undefined, 1));
  console.log(run.errorInstance instanceof Error ? run.errorInstance.message : 'interrupted');
}
const problems = await fuzzer.alertProblems();
for (const problem of problems.slice(0, 5)) console.log(`FAILED  ${problem}`);
failed += problems.length;
await bench.stop();
const seconds = Math.round((performance.now() - started) / 1000);
console.log(`${fuzzer.accesses} accesses over ${run.numRuns} policy sets compared with the evaluator in ${seconds} s`);
console.log(`${Math.max(0, run.numRuns - failed)} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
