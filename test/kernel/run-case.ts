// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOST_CGROUP_ID } from '#enforce';
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
import { atRoot, HostShell, onRoot } from './on-host.ts';
import { compareWithEvaluator } from './oracle.ts';
import { ruleSetsOf } from './rule-sets.ts';
import { setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const CGROUPS = '/sys/fs/cgroup';
/** Repeated alerts are folded in the kernel: the last counts come seconds later. */
const SEE_ALL = { process: true, file: true, network: true };
const EVENTS_DEADLINE_MS = 10_000;
/** Actions that stop the evaluator's comparison: it knows one rule set. */
const CHANGES_RULES = /^ *! *(swap|mode|reader|bind)/m;

/** Copies of cell, on the host: one is known as a service manager, one as a runtime, one as nothing. */
export interface Launchers {
  readonly manager: string;
  readonly runtime: string;
  readonly anybody: string;
}

/** The enforcer with its alerts by workload. */
export class Bench {
  readonly enforcer: Enforcer;
  readonly programs: NativePrograms & { readonly busybox: string };
  readonly launchers: Launchers | undefined;
  readonly #shell: HostShell | undefined;
  readonly #alerts = new Map<string, Alert[]>();
  #received = 0;
  #stop = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(enforcer: Enforcer, programs: Bench['programs'], launchers?: Launchers) {
    this.enforcer = enforcer;
    this.programs = programs;
    this.launchers = launchers;
    // before anything binds the host
    this.#shell = launchers === undefined ? undefined : new HostShell(`${launchers.manager}.shell`);
    this.watch();
  }

  watch(): void {
    this.#stop = new AbortController();
    this.#watching = this.enforcer.watch((event) => this.#onEvent(event), this.#stop.signal);
  }

  /** Runs the programs of a case as tasks of the host. */
  async onHost(...args: Parameters<HostShell['run']>): ReturnType<HostShell['run']> {
    if (this.#shell === undefined) throw new Error('this bench was opened without the host');
    return await this.#shell.run(...args);
  }

  /** The end. */
  async close(): Promise<void> {
    await this.stop();
    this.#shell?.[Symbol.dispose]();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  /** The alerts of a case; of `''`: those of no workload that we know, of which there must be none. */
  alertsOf(key: string): readonly Alert[] {
    return this.#alerts.get(key) ?? [];
  }

  get lost(): number {
    const counters = this.enforcer.counters();
    return Number(counters['alerts_lost']) + Number(counters['logs_lost']);
  }

  /** Waits until every event that the kernel generated was delivered, folded into another or counted as lost. */
  async settle(): Promise<string | undefined> {
    const deadline = Date.now() + EVENTS_DEADLINE_MS;
    for (;;) {
      const { alerts, logs } = this.enforcer.counters();
      const generated = Number(alerts) + Number(logs);
      const known = this.#received + this.lost;
      if (known === generated) return undefined;
      if (Date.now() > deadline)
        return `the kernel generated ${generated} events: ${this.#received} came, ${this.lost} are counted as lost`;
      await sleep(20);
    }
  }

  #onEvent(event: KernelEvent): void {
    this.#received += event.count;
    const key = this.enforcer.workloadOf(event.scopeId) ?? '';
    const rule = event.ruleId === undefined ? undefined : this.enforcer.ruleOf(event.imageId, event.ruleId);
    const list = this.#alerts.get(key) ?? [];
    list.push({ event, rule });
    this.#alerts.set(key, list);
  }
}

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

/** A case of the host: what it does is told of before the next one is the host. */
async function performOnHost({ test, bench, stage, sets }: Running): Promise<Pick<Performed, 'problems' | 'outcomes' | 'compared'>> {
  let mode: WorkloadMode = test.mode ?? 'enabled';
  const visibility = test.visible === true ? SEE_ALL : undefined;
  const protect = (set: number): void =>
    bench.enforcer.protect(test.name, { cgroupId: HOST_CGROUP_ID, mode, ruleSet: sets[set], visibility });
  const act = ([name, word = '']: readonly string[]): void => {
    if (name === 'mode') mode = word as WorkloadMode;
    else if (name !== 'swap') throw new Error(`no action of the host is called ${name}`);
    protect(name === 'swap' ? Number(word) : 0);
  };
  const { manager = '', runtime = '', anybody = '' } = bench.launchers ?? {};
  const prefix = (options: readonly string[]): readonly string[] => {
    const rest = [...(test.cell ?? []), ...options].filter((word) => !['--service', '--container', '--unshared'].includes(word));
    const binds = rest.map((word) => word.replace(/^volume/, stage.volume));
    const end = [stage.root, CGROUPS, '--'];
    if (options.includes('--service')) return [manager, '--service', ...binds, ...end];
    if (options.includes('--unshared')) return [anybody, '--service', ...binds, ...end];
    return options.includes('--container') ? [runtime, ...binds, ...end] : [];
  };
  protect(0);
  const outcomes = await bench.onHost(test, prefix, act);
  const late = await bench.settle();
  return { outcomes, compared: 0, problems: [...stepProblems(outcomes), ...(late === undefined ? [] : [late])] };
}

function hostOf({ test, bench, stage, sets }: Running, cgroup: string): { host: Host; protect: (set: number, mode: WorkloadMode) => void } {
  const cgroups = { bound: cgroup, below: join(cgroup, 'below'), unbound: CGROUPS };
  mkdirSync(cgroups.below, { recursive: true });
  const cgroupId = statSync(cgroup, { bigint: true }).ino;
  let [current, mode]: [number, WorkloadMode] = [0, test.mode ?? 'enabled'];
  const visibility = test.visible === true ? SEE_ALL : undefined;
  const protect = (set: number, wanted: WorkloadMode, started = true): void => {
    [current, mode] = [set, wanted];
    bench.enforcer.protect(test.name, { cgroupId, started, mode, ruleSet: sets[current], visibility });
  };
  const act = async (words: readonly string[]): Promise<void> => {
    const [name, word = ''] = words;
    if (name === 'swap') protect(Number(word), mode);
    else if (name === 'bind') protect(0, mode, word !== 'unstarted');
    else if (name === 'mode') protect(current, word as WorkloadMode);
    else if (name === 'reader') await (word === 'off' ? bench.stop() : bench.watch());
    else throw new Error(`no action is called ${words.join(' ')}`);
  };
  return { host: { ...bench.programs, root: stage.root, volume: stage.volume, cgroups, options: test.cell ?? [], act }, protect };
}

const stepProblems = (outcomes: readonly Outcome[]): string[] =>
  outcomes
    .filter(({ step, result }) => step.result !== result)
    .map(({ step, result }) => `${step.text}: ${step.result} expected, ${result} came`);

/** What a case did; its alerts are judged when all have come. */
export interface Performed {
  readonly test: KernelCase;
  readonly problems: readonly string[];
  readonly outcomes: readonly Outcome[];
  /** Steps that were compared with the reference evaluator. */
  readonly compared: number;
  readonly ms: number;
  /** The case's root. */
  readonly directory: string;
}

async function perform(running: Running, cgroup: string): Promise<Pick<Performed, 'problems' | 'outcomes' | 'compared'>> {
  const { test, stage, sets } = running;
  const { host, protect } = hostOf(running, cgroup);
  const outcomes: Outcome[] = [];
  if (test.late !== true) protect(0, test.mode ?? 'enabled');
  for (const process of parseRun(test.run)) outcomes.push(...(await runProcess(process, host)));
  const plain = test.mode === undefined && !CHANGES_RULES.test(test.run) && !/unbound|--uid/.test(test.run);
  const difference = plain && sets[0] !== undefined ? compareWithEvaluator(outcomes, sets[0], stage.root) : { compared: 0, problems: [] };
  return { outcomes, compared: difference.compared, problems: [...stepProblems(outcomes), ...difference.problems] };
}

async function performAny({ test, bench, stage }: Omit<Running, 'sets'>, cgroup: string): ReturnType<typeof perform> {
  const onHost = test.host === true;
  const sets = ruleSetsOf(test, onHost ? '/' : stage.root, declaredMounts(test.cell ?? [], stage.volume));
  return onHost ? await performOnHost({ test, bench, stage, sets }) : await perform({ test, bench, stage, sets }, cgroup);
}

/** Runs one case, its root in `directory`, a tmpfs. Throws nothing for what the product does wrong: that is in `problems`. */
export async function runCase(given: KernelCase, bench: Bench, directory: string): Promise<Performed> {
  const test = given.host === true ? atRoot(given, directory) : given;
  const started = performance.now();
  const cgroup = `${CGROUPS}/kernel-${basename(directory)}`;
  let stage: Stage | undefined;
  let result: Pick<Performed, 'problems' | 'outcomes' | 'compared'>;
  try {
    mkdirSync(cgroup);
    const { overlay = false, mergedUsr = false } = test;
    stage = setStage(directory, test.root ?? [], { overlay, mergedUsr, programs: { ...bench.programs } });
    result = await performAny({ test, bench, stage }, cgroup);
  } catch (error) {
    result = { problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)], outcomes: [], compared: 0 };
  } finally {
    bench.enforcer.release(test.name);
    stage?.clear();
    for (const at of [`${cgroup}/below`, cgroup]) removeCgroup(at);
  }
  return { test, ...result, directory, ms: performance.now() - started };
}

const hasSeveral = (test: KernelCase): boolean => test.policies.length > 1 || test.swaps !== undefined;

/** Everything wrong with a case, once the bench has settled. */
export function judge({ test, problems, directory }: Performed, bench: Bench): string[] {
  const expected = test.expect.map((line) => (test.host === true ? onRoot(line, directory) : line));
  const alerts = bench.alertsOf(test.name);
  const fields = compareFields(test.fields ?? {}, alerts);
  if (test.total === undefined) return [...problems, ...compareAlerts(expected, alerts, hasSeveral(test)), ...fields];
  const have = alerts.reduce((sum, { event }) => sum + event.count, 0) + bench.lost;
  return have === test.total
    ? [...problems, ...fields]
    : [...problems, `${test.total} alerts expected, ${have} came or were counted as lost`];
}

/** The alerts of a case as text, for a report. */
export function linesOf(test: KernelCase, bench: Bench): string[] {
  return bench.alertsOf(test.name).map((alert) => `${lineOf(alert, hasSeveral(test))} x${alert.event.count}`);
}

/** Leaves it where a task is still ending. */
export function removeCgroup(at: string): void {
  try {
    rmdirSync(at);
  } catch {
    // a task of the case is still ending; nothing depends on it
  }
}
