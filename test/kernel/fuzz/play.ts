// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openContainerRoot } from '#host';
import type { Process } from '../case.ts';
import { runProcess } from '../drive.ts';
import type { Host, Outcome } from '../drive.ts';
import { lineOf } from '../alerts.ts';
import { resolverOf } from '../rule-sets.ts';
import { removeCgroup } from '../run-case.ts';
import type { Bench } from '../run-case.ts';
import { predict } from './predict.ts';
import type { Expected, Prediction } from './predict.ts';
import { prepare, workloadFor } from './scenario.ts';
import type { Planned } from './plan.ts';
import type { Scenario } from './scenario.ts';
import { scratchOf } from './universe.ts';

const CGROUPS = '/sys/fs/cgroup';
/** What a denied step ends with: what passes must end otherwise. */
const REFUSALS = new Set(['EACCES', 'EPERM', 'ETIMEDOUT']);

/** What came of each step of a process: its start, then its steps; swaps have none. */
export type Came = readonly string[];

export interface Played {
  readonly key: string;
  readonly scenario: Scenario;
  readonly prediction: Prediction;
  /** By program. */
  readonly came: readonly Came[];
  /** Where evaluator, naive model and kernel part. */
  readonly differences: readonly string[];
}

/** Where scenarios are played: a root of their kind, and a kernel that judges. Without a bench there are only predictions. */
export interface Stand {
  readonly root: string;
  readonly volume: string;
  readonly bench?: Bench | undefined;
}

/** Says what must come of a scenario, without playing it. */
export function planFor(scenario: Scenario, root: string): Planned {
  const workload = workloadFor(scenario, 'fuzz');
  using opened = openContainerRoot(root);
  const resolve = resolverOf(opened);
  const prepared = prepare(scenario, workload, resolve);
  return { scenario, prepared, prediction: predict({ scenario, prepared, workload, resolve }) };
}

function processOf({ path, uid, steps }: Scenario['programs'][number]): Process {
  const parsed = steps.map((text) =>
    text.startsWith('! ')
      ? ({ kind: 'action', words: text.slice(2).split(' ') } as const)
      : ({ kind: 'operation', text, result: 'OK' } as const),
  );
  return { kind: 'process', options: uid === 0 ? [] : ['--uid', String(uid)], program: path, result: 'OK', steps: parsed };
}

function compareStep({ text, result }: Expected, came: string): string[] {
  const asExpected = result === 'any' ? !REFUSALS.has(came) : came === result;
  return asExpected ? [] : [`${text}: the evaluator says ${result}, the kernel ${came}`];
}

/** The steps that have an outcome: swaps have none. */
const performed = (steps: readonly Expected[]): Expected[] => steps.filter(({ text }) => !text.startsWith('! '));

function compare({ programs }: Prediction, came: readonly Came[]): string[] {
  return programs.flatMap(({ program, start, steps }, index) => {
    const [started = 'none', ...rest] = came[index] ?? [];
    const found = [...compareStep(start, started), ...performed(steps).flatMap((step, at) => compareStep(step, rest[at] ?? 'none'))];
    return found.map((difference) => `${program.path} as ${program.uid}: ${difference}`);
  });
}

/** Plays a scenario under a key of its own; its alerts are judged by {@link alertDifferences} once the bench has settled. */
export async function play({ scenario, prepared, prediction }: Planned, key: string, { root, volume, bench }: Stand): Promise<Played> {
  const result = { key, scenario, prediction };
  if (bench === undefined) return { ...result, came: [], differences: prediction.differences };
  const cgroup = `${CGROUPS}/${key.replace(' ', '-')}`;
  mkdirSync(cgroup);
  const cgroupId = statSync(cgroup, { bigint: true }).ino;
  const swap = (set: number): void =>
    bench.enforcer.protect(key, { cgroupId, mode: scenario.audited ? 'audited' : 'enabled', ruleSet: prepared[set]?.ruleSet });
  const host: Host = {
    ...bench.programs,
    root,
    volume,
    cgroups: { bound: cgroup, below: cgroup, unbound: CGROUPS },
    options: [],
    act: ([, set]) => swap(Number(set)),
  };
  try {
    const came: Came[] = [];
    for (const program of scenario.programs) {
      swap(0);
      const outcomes: readonly Outcome[] = await runProcess(processOf(program), host);
      came.push(outcomes.map((outcome) => outcome.result));
    }
    return { ...result, came, differences: [...prediction.differences, ...compare(prediction, came)] };
  } finally {
    bench.enforcer.release(key);
    for (const { files, directories } of [scratchOf(0), scratchOf(1000)])
      for (const path of [...files, ...directories]) rmSync(join(root, path), { recursive: true, force: true });
    removeCgroup(cgroup);
  }
}

const tally = (lines: readonly string[]): Map<string, number> => {
  const found = new Map<string, number>();
  for (const line of lines) found.set(line, (found.get(line) ?? 0) + 1);
  return found;
};

/** Every alert that a scenario must raise, line by line as alerts.ts writes them. */
export const expectedAlerts = ({ programs }: Prediction): string[] =>
  programs.flatMap(({ start, steps }) => [start, ...steps].flatMap(({ alerts }) => alerts));

/** What differs between the alerts that were due and those that came. */
export function alertDifferences({ key, prediction }: Played, bench: Bench): string[] {
  const wanted = tally(expectedAlerts(prediction));
  const found = new Map<string, number>();
  for (const alert of bench.alertsOf(key)) {
    const line = lineOf(alert, true);
    found.set(line, (found.get(line) ?? 0) + alert.event.count);
  }
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((line) => {
    const [want, have] = [wanted.get(line) ?? 0, found.get(line) ?? 0];
    return want === have ? [] : [`alert ${line}: ${want} expected, ${have} came`];
  });
}
