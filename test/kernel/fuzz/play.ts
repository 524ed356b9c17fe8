// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { evaluate } from '#policy';
import type { Access, RuleSet } from '#policy';
import type { Process } from '../case.ts';
import { runProcess } from '../drive.ts';
import type { Host, Outcome } from '../drive.ts';
import { ruleSetsOf } from '../rule-sets.ts';
import { removeCgroup } from '../run-case.ts';
import type { Bench } from '../run-case.ts';
import { setStage } from '../stage.ts';
import type { PolicySet, Program, Step } from './arbitraries.ts';
import { DIRECTORIES, FILES, PROGRAMS, ROOT } from './universe.ts';

const CGROUPS = '/sys/fs/cgroup';
const OWNERS = new Map([...FILES, ...DIRECTORIES, ...PROGRAMS].map(({ path, uid }) => [path, uid]));

/** What the evaluator says of a whole run: differences so far, and how often each rule must have raised an alert. */
export interface Played {
  readonly differences: readonly string[];
  readonly accesses: number;
  /** By `OUTCOME RULE`, RULE being an id or `posture`. */
  readonly alerts: ReadonlyMap<string, number>;
}

const documentOf = (spec: object, index: number): string =>
  [
    'apiVersion: security.kubearmor.com/v1',
    'kind: KubeArmorPolicy',
    `metadata: { name: p${index}, namespace: default }`,
    `spec: ${JSON.stringify({ selector: { matchLabels: { app: 'web' } }, ...spec })}`,
  ].join('\n');

/** The access of a step, and how it ends where that is denied. */
function accessOf(step: Step, { path: subject, uid }: Program): { readonly access: Access; readonly refusal: string } {
  if (step.kind === 'capability') return { access: { kind: 'capability', capability: step.capability, subject }, refusal: step.refusal };
  if (step.kind === 'socket') {
    const [domain, type, protocol] = step.socket;
    return { access: { kind: 'socket', op: 'create', domain, type, protocol, subject }, refusal: 'EACCES' };
  }
  const owner = OWNERS.get(step.path) === uid;
  return { access: { kind: step.kind, object: { path: step.path }, owner, subject }, refusal: 'EACCES' };
}

/** Compares what came with the evaluator, access by access. */
class Comparison {
  readonly differences: string[] = [];
  readonly alerts = new Map<string, number>();
  accesses = 0;
  readonly #image: Uint32Array | undefined;

  constructor(ruleSet: RuleSet | undefined) {
    this.#image = ruleSet?.image;
  }

  /** Takes in one access; gives whether it is denied. */
  take(what: string, { access, refusal }: { access: Access; refusal: string }, result: string): boolean {
    this.accesses++;
    const verdict = this.#image === undefined ? ({ outcome: 'passed' } as const) : evaluate(this.#image, access);
    if (verdict.outcome !== 'passed') {
      const line = `${verdict.outcome} ${verdict.rule ?? 'posture'}`;
      this.alerts.set(line, (this.alerts.get(line) ?? 0) + 1);
    }
    const denied = verdict.outcome === 'denied';
    if ((result === refusal) !== denied || (!denied && result !== 'OK'))
      this.differences.push(`${what}: the evaluator says ${denied ? refusal : 'OK'} (${JSON.stringify(verdict)}), the kernel ${result}`);
    return denied;
  }

  program(program: Program, [start, ...outcomes]: readonly Outcome[]): void {
    const owner = OWNERS.get(program.path) === program.uid;
    const access: Access = { kind: 'exec', object: { path: program.path }, owner, subject: { runtime: true } };
    const who = `${program.path} as ${program.uid}`;
    if (this.take(`start of ${who}`, { access, refusal: 'EACCES' }, start?.result ?? 'none')) return;
    for (const [index, step] of program.steps.entries())
      this.take(`${who}: ${step.text}`, accessOf(step, program), outcomes[index]?.result ?? 'none');
  }
}

function processOf({ path, uid, steps }: Program): Process {
  const operations = steps.map(({ text }) => ({ kind: 'operation', text, result: 'OK' }) as const);
  return { kind: 'process', options: uid === 0 ? [] : ['--uid', String(uid)], program: path, result: 'OK', steps: operations };
}

/**
 * Puts a set in force for a container of its own and lets its programs run.
 *
 * @param key names the workload; its alerts come under it
 * @param directory a tmpfs of its own, empty
 * @throws where the set is refused or cannot be put in force: the generator makes something that nobody may write
 */
export async function play(set: PolicySet, programs: readonly Program[], { key, bench, directory }: Stand): Promise<Played> {
  const cgroup = `${CGROUPS}/fuzz-${basename(directory)}`;
  mkdirSync(cgroup);
  const stage = setStage(directory, ROOT, { overlay: false, mergedUsr: false, programs: { ...bench.programs } });
  try {
    const test = { name: key, policies: set.specs.map(documentOf), posture: set.postures, run: '', expect: [] };
    const [ruleSet] = ruleSetsOf(test, stage.root, []);
    const cgroupId = statSync(cgroup, { bigint: true }).ino;
    bench.enforcer.protect(key, { cgroupId, mode: 'enabled', ruleSet });
    const host: Host = {
      ...bench.programs,
      root: stage.root,
      volume: stage.volume,
      cgroups: { bound: cgroup, below: cgroup, unbound: CGROUPS },
      options: [],
      act: () => {},
    };
    const comparison = new Comparison(ruleSet);
    for (const program of programs) comparison.program(program, await runProcess(processOf(program), host));
    return comparison;
  } finally {
    bench.enforcer.release(key);
    stage.clear();
    removeCgroup(cgroup);
  }
}

export interface Stand {
  readonly key: string;
  readonly bench: Bench;
  readonly directory: string;
}
