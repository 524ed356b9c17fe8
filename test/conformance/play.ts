// SPDX-License-Identifier: Apache-2.0
import type { Log } from '#events';
import { runProcess } from '../kernel/drive.ts';
import type { Outcome } from '../kernel/drive.ts';
import { checksOf, differences, lineOf } from './checks.ts';
import type { CollectStep, ConformanceCase, EventFields, ExecStep, ExpectStep, Step, WatchStep } from './format.ts';
import { dueOf, eventProblems, tellsOfAudit, verdictProblems } from './judge.ts';
import { Missing, missingOf } from './missing.ts';
import { CaseNode } from './node.ts';
import type { Bench, Placed } from './node.ts';
import type { Recorder, Told } from './recorder.ts';
import { familyOf } from './roots.ts';
import { stimulusOf } from './stimulus.ts';
import type { Stimulus } from './stimulus.ts';
import { configOf } from './workloads.ts';

/** What came of a case. */
export interface Played {
  readonly problems: readonly string[];
  /** Families that it needs and that are not here: it was not played, or not to its end. */
  readonly missing?: string;
  /** What was done and told, for a report. */
  readonly trace: readonly string[];
}

/** Plays cases, one after the other. */
export class Player {
  readonly #bench: Bench;
  readonly #recorder: Recorder;

  constructor(bench: Bench, recorder: Recorder) {
    this.#bench = bench;
    this.#recorder = recorder;
  }

  /** Plays a case; one that tells apart the default postures twice. */
  async play(test: ConformanceCase): Promise<Played> {
    const missing = missingOf(test);
    if (missing.length > 0) return { problems: [], missing: missing.join(', '), trace: [] };
    const first = await this.#playOnce(test);
    if (first.missing !== undefined || !tellsOfAudit(test)) return first;
    const second = await this.#playOnce({ ...test, posture: 'audit' });
    const audit = second.problems.map((problem) => `posture audit: ${problem}`);
    return { problems: [...first.problems, ...audit], trace: [...first.trace, ...second.trace] };
  }

  async #playOnce(test: ConformanceCase): Promise<Played> {
    const trace: string[] = [];
    try {
      using node = new CaseNode(test, this.#bench);
      return { problems: await new Playing(test, node, this.#recorder, { bench: this.#bench, trace }).run(), trace };
    } catch (error) {
      if (error instanceof Missing) return { problems: [], missing: error.message, trace };
      return { problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)], trace };
    }
  }
}

interface Surroundings {
  readonly bench: Bench;
  readonly trace: string[];
}

const NO_WATCH: WatchStep = { do: 'watch', n: 0 };
const NEITHER = { namespace: '', operation: '', pod: '' };

/** One case while it is played. */
class Playing {
  readonly #test: ConformanceCase;
  readonly #node: CaseNode;
  readonly #recorder: Recorder;
  readonly #around: Surroundings;
  #watch = NO_WATCH;
  /** Where in the recorder's list the watch began. */
  #since: number;

  constructor(test: ConformanceCase, node: CaseNode, recorder: Recorder, around: Surroundings) {
    this.#test = test;
    this.#node = node;
    this.#recorder = recorder;
    this.#around = around;
    this.#since = recorder.told.length;
    recorder.workloadOf = (key) => node.placed().find((placed) => placed.key === key)?.workload;
    recorder.dropProcessResource = node.config.dropProcessResource;
  }

  async run(): Promise<string[]> {
    const problems: string[] = [];
    for (const step of this.#test.steps ?? []) {
      const found = await this.#step(step);
      problems.push(...found.map((problem) => `step ${step.n}, ${step.do}: ${problem}`));
    }
    return problems;
  }

  async #step(step: Step): Promise<string[]> {
    switch (step.do) {
      case 'exec':
        return await this.#exec(step);
      case 'expect_event':
        return this.#expect(step);
      case 'collect_events':
        return this.#collect(step);
      default:
        return this.#change(step);
    }
  }

  #change(step: Exclude<Step, ExecStep | ExpectStep | CollectStep>): string[] {
    switch (step.do) {
      case 'apply':
        this.#node.apply(step.files);
        break;
      case 'delete':
        this.#node.delete(step.files);
        break;
      case 'annotate_namespace':
        this.#node.annotate(step.namespace, step.key, step.value);
        break;
      case 'set_global_config':
        this.#node.config = configOf(step.changes);
        this.#recorder.dropProcessResource = this.#node.config.dropProcessResource;
        this.#node.update();
        break;
      case 'watch':
        this.#watch = step;
        this.#since = this.#recorder.told.length;
        break;
      case 'container_runtime': // whatever runtime a case asks for, there is none here
      case 'sleep': // every change is in force when it returns
      case 'unwatch':
      case 'wait_pod':
        break;
      default:
        return [`no step is called ${step.do}`];
    }
    return [];
  }

  async #exec(step: ExecStep): Promise<string[]> {
    const { placed, stimulus } = this.#prepare(step);
    const before = this.#recorder.told.length;
    const outcomes = await this.#perform(stimulus, placed);
    await this.#recorder.settle();
    const news = this.#recorder.told.slice(before);
    this.#around.trace.push(
      ...outcomes.map(({ step: { text }, result }) => `| ${text}  ${result}`),
      ...news.map((told) => `> ${lineOf(told)}`),
    );
    const lost = outcomes.slice(0, stimulus.leading).find(({ result }) => result !== 'OK');
    if (lost !== undefined) return [`on the way to the access: ${lost.step.text}: ${lost.result}`];
    const result = outcomes.slice(stimulus.leading).find((outcome) => outcome.result !== 'OK')?.result ?? 'OK';
    const due = dueOf(this.#test, step);
    const verdict = verdictProblems(due, result, news, placed);
    const setup = step.role === 'setup' && !['OK', 'EEXIST'].includes(result) ? [`it prepares what follows, and ${result} came`] : [];
    return [...verdict, ...setup, ...eventProblems(due, step, news, { placed, stimulus })];
  }

  #prepare(step: ExecStep): { placed: Placed; stimulus: Stimulus } {
    const placed = this.#node.find(step);
    return { placed, stimulus: stimulusOf(step, familyOf(placed.pod).shells, placed.options) };
  }

  async #perform({ process }: Stimulus, { stage, cgroup }: Placed): Promise<Outcome[]> {
    const cgroups = { bound: cgroup, below: cgroup, unbound: cgroup };
    const act = (): never => {
      throw new Error('nothing is done meanwhile');
    };
    return await runProcess(process, { ...this.#around.bench.programs, root: stage.root, volume: stage.volume, cgroups, options: [], act });
  }

  /** What came since the watch began and is not filtered out; filters are expressions without regard to case. */
  #watched(filters: Pick<WatchStep, 'namespace' | 'operation' | 'pod'>): Told[] {
    const passes = (filter: string | null | undefined, value: string): boolean => new RegExp(filter ?? '', 'i').test(value);
    return this.#recorder.told
      .slice(this.#since)
      .filter(
        ({ record }) =>
          passes(filters.namespace, record.NamespaceName) &&
          passes(filters.operation, record.Operation) &&
          passes(filters.pod, record.PodName),
      );
  }

  #expect({ kind, match, found, implied_by_watch }: ExpectStep): string[] {
    const checks = checksOf(match, implied_by_watch);
    const matching = this.#watched(NEITHER).filter((told) => told.kind === kind && differences(told, checks).length === 0);
    if (found) return matching.length > 0 ? [] : [`no ${kind} is as expected (${JSON.stringify(match)})`];
    return matching.map((told) => `forbidden: ${lineOf(told)}`);
  }

  #collect({ assertions, max_events }: CollectStep): string[] {
    const watched = this.#watched(this.#watch).slice(0, max_events);
    return assertions.flatMap((assertion) => assertionProblems(assertion, watched));
  }
}

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
};

function countProblems({ count_of: what, op, value }: EventFields, have: number): string[] {
  const holds = COMPARISONS[String(op)];
  if (holds === undefined) throw new Error(`no comparison is called ${String(op)}`);
  return holds(have, Number(value)) ? [] : [`${String(op)} ${String(value)} ${String(what)} expected, ${have} came`];
}

function operationProblems(allowed: readonly unknown[], logs: readonly Log[]): string[] {
  const operations = [...new Set(logs.map(({ Operation }) => Operation.toLowerCase()))];
  return operations.filter((operation) => !allowed.includes(operation)).map((operation) => `no log of ${operation} expected`);
}

/** What is wrong with what was watched; `count_of`, `distinct_operations…`, `every_log.FIELD`, `alerts[0].FIELD`. */
function assertionProblems(assertion: EventFields, watched: readonly Told[]): string[] {
  const alerts = watched.filter(({ kind }) => kind === 'alert');
  const logs = watched.filter(({ kind }) => kind === 'log');
  if (assertion['count_of'] !== undefined) return countProblems(assertion, assertion['count_of'] === 'logs' ? logs.length : alerts.length);
  const allowed = assertion['distinct_operations_lowercase_subset_of'];
  if (Array.isArray(allowed))
    return operationProblems(
      allowed,
      logs.map(({ record }) => record),
    );
  const [[name, wanted] = ['', '']] = Object.entries(assertion);
  const field = /^every_log\.(\w+)$/.exec(name)?.[1];
  const fieldOf = ({ record }: Told, key: string): string => String((record as unknown as EventFields)[key]);
  if (field !== undefined) {
    return logs
      .filter((told) => (fieldOf(told, field) === '') !== (wanted === 'empty'))
      .map((told) => `${field} of every log is to be ${String(wanted)}: ${lineOf(told)}`);
  }
  const first = /^alerts\[0\]\.(\w+)$/.exec(name)?.[1];
  if (first === undefined) throw new Error(`no assertion is called ${name}`);
  const [told] = alerts;
  return told !== undefined && fieldOf(told, first) === wanted ? [] : [`${first} ${String(wanted)} expected of the first alert`];
}
