// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Enforcer } from '#enforce';
import type { KernelEvent } from '#events';
import type { DeclaredMount } from '#host';
import type { RuleSet, WorkloadMode } from '#policy';
import { compareAlerts, compareFields, lineOf } from './alerts.ts';
import type { Alert } from './alerts.ts';
import { parseRun } from './case.ts';
import type { KernelCase } from './case.ts';
import { runProcess } from './drive.ts';
import type { Host, Outcome } from './drive.ts';
import type { NativePrograms } from './native.ts';
import { compareWithEvaluator } from './oracle.ts';
import { ruleSetsOf } from './rule-sets.ts';
import { setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const CGROUPS = '/sys/fs/cgroup';
const EVENTS_DEADLINE_MS = 5000;
/** Repeated alerts are folded in the kernel: counts may come a little later than the first. */
const FOLDED_DEADLINE_MS = 1500;
/** Actions that stop the evaluator's comparison: it knows one rule set. */
const CHANGES_RULES = /^! *(swap|mode|reader|release)/m;

/** The enforcer with its alerts by workload. */
export class Bench {
  readonly enforcer: Enforcer;
  readonly programs: NativePrograms & { readonly busybox: string };
  readonly #alerts = new Map<string, Alert[]>();
  #received = 0;
  #stop = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(enforcer: Enforcer, programs: Bench['programs']) {
    this.enforcer = enforcer;
    this.programs = programs;
    this.watch();
  }

  watch(): void {
    this.#stop = new AbortController();
    this.#watching = this.enforcer.watch((event) => this.#onEvent(event), this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  alertsOf(key: string): readonly Alert[] {
    return this.#alerts.get(key) ?? [];
  }

  /** Events of no workload that we know: there must be none. */
  get strays(): readonly Alert[] {
    return this.alertsOf('');
  }

  get lost(): number {
    return Number(this.enforcer.counters()['alerts_lost'] ?? 0n);
  }

  /** Waits until every record that the kernel submitted has been read. */
  async settle(): Promise<void> {
    const deadline = Date.now() + EVENTS_DEADLINE_MS;
    while (this.#received < Number(this.enforcer.counters()['alerts'])) {
      if (Date.now() > deadline) throw new Error(`${this.#received} events read, counters say ${JSON.stringify(counted(this.enforcer))}`);
      await sleep(2);
    }
  }

  #onEvent(event: KernelEvent): void {
    this.#received++;
    const key = this.enforcer.workloadOf(event.scopeId) ?? '';
    const rule = event.ruleId === undefined ? undefined : this.enforcer.ruleOf(event.imageId, event.ruleId);
    const list = this.#alerts.get(key) ?? [];
    list.push({ event, rule });
    this.#alerts.set(key, list);
  }
}

const counted = (enforcer: Enforcer): Record<string, number> =>
  Object.fromEntries(Object.entries(enforcer.counters()).map(([name, value]) => [name, Number(value)]));

/** The mounts that cell makes, as the resolver of rule paths is told them. */
function declaredMounts(options: readonly string[], volume: string): DeclaredMount[] {
  return options.flatMap((word, index) => {
    const before = options[index - 1];
    if (before !== '--bind' && before !== '--ro-bind') return [];
    const [source = '', destination = ''] = word.replace(/^volume/, volume).split(':');
    return [{ destination, source, readOnly: before === '--ro-bind' }];
  });
}

interface Running {
  readonly test: KernelCase;
  readonly bench: Bench;
  readonly stage: Stage;
  readonly sets: readonly (RuleSet | undefined)[];
}

function hostOf({ test, bench, stage, sets }: Running, cgroup: string): { host: Host; protect: (set: number, mode: WorkloadMode) => void } {
  const cgroups = { bound: cgroup, below: join(cgroup, 'below'), unbound: CGROUPS };
  mkdirSync(cgroups.below, { recursive: true });
  const cgroupId = statSync(cgroup, { bigint: true }).ino;
  let [current, mode]: [number, WorkloadMode] = [0, test.mode ?? 'enabled'];
  const protect = (set: number, wanted: WorkloadMode): void => {
    [current, mode] = [set, wanted];
    bench.enforcer.protect(test.name, { cgroupId, mode, ruleSet: sets[current] });
  };
  const act = async (words: readonly string[]): Promise<void> => {
    const [name, word = ''] = words;
    if (name === 'swap') protect(Number(word), mode);
    else if (name === 'mode') protect(current, word as WorkloadMode);
    else if (name === 'reader') await (word === 'off' ? bench.stop() : bench.watch());
    else throw new Error(`no action is called ${words.join(' ')}`);
  };
  return { host: { cell: bench.programs.cell, root: stage.root, volume: stage.volume, cgroups, options: test.cell ?? [], act }, protect };
}

const stepProblems = (outcomes: readonly Outcome[]): string[] =>
  outcomes.filter(({ step, result }) => step.result !== result).map(({ step, result }) => `${step.text}: ${step.result} expected, ${result} came`);

async function alertProblems({ test, bench }: Running, lostBefore: number): Promise<string[]> {
  const several = test.policies.length > 1 || test.swaps !== undefined;
  const compare = (): string[] => {
    const alerts = bench.alertsOf(test.name);
    if (test.total === undefined) return compareAlerts(test.expect, alerts, several);
    const have = alerts.reduce((sum, { event }) => sum + event.count, 0) + bench.lost - lostBefore;
    return have === test.total ? [] : [`${test.total} alerts expected, ${have} came or were counted as lost`];
  };
  const deadline = Date.now() + FOLDED_DEADLINE_MS;
  await bench.settle();
  let problems = compare();
  while (problems.some((line) => / 0 came| expected, \d+ came/.test(line)) && Date.now() < deadline) {
    await sleep(50);
    await bench.settle();
    problems = compare();
  }
  if (test.total === undefined && bench.lost !== lostBefore) problems.push(`${bench.lost - lostBefore} alerts were lost`);
  return [...problems, ...compareFields(test.fields ?? {}, bench.alertsOf(test.name))];
}

export interface CaseResult {
  readonly problems: readonly string[];
  readonly outcomes: readonly Outcome[];
  readonly alerts: readonly string[];
  /** Steps that were compared with the reference evaluator. */
  readonly compared: number;
}

/** Runs one case. Throws nothing for what the product does wrong: that is in `problems`. */
export async function runCase(test: KernelCase, bench: Bench, number: number): Promise<CaseResult> {
  const directory = `/run/kernel-cases/case-${number}`;
  const cgroup = `${CGROUPS}/kernel-case-${number}`;
  const outcomes: Outcome[] = [];
  const problems: string[] = [];
  let compared = 0;
  mkdirSync(directory, { recursive: true });
  mkdirSync(cgroup);
  const stage = setStage(directory, test.root ?? [], { overlay: test.overlay ?? false, programs: { ...bench.programs } });
  try {
    const sets = ruleSetsOf(test, stage.root, declaredMounts(test.cell ?? [], stage.volume));
    const running = { test, bench, stage, sets };
    const lostBefore = bench.lost;
    const { host, protect } = hostOf(running, cgroup);
    protect(0, test.mode ?? 'enabled');
    for (const process of parseRun(test.run)) outcomes.push(...(await runProcess(process, host)));
    problems.push(...stepProblems(outcomes), ...(await alertProblems(running, lostBefore)));
    const plain = sets[0] !== undefined && test.mode === undefined && !CHANGES_RULES.test(test.run) && !/unbound|--uid/.test(test.run);
    if (plain) {
      const difference = compareWithEvaluator(outcomes, sets[0]!, stage.root);
      compared = difference.compared;
      problems.push(...difference.problems);
    }
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    bench.enforcer.release(test.name);
    stage.clear();
    for (const at of [`${cgroup}/below`, cgroup]) removeCgroup(at);
  }
  const several = test.policies.length > 1 || test.swaps !== undefined;
  return { problems, outcomes, alerts: bench.alertsOf(test.name).map((alert) => `${lineOf(alert, several)} x${alert.event.count}`), compared };
}

function removeCgroup(at: string): void {
  try {
    rmdirSync(at);
  } catch {
    // a task of the case is still ending; nothing depends on it
  }
}
