// SPDX-License-Identifier: Apache-2.0
import { evaluate } from '#policy';
import type { Access, PathResolver, RuleSet, Verdict, Workload } from '#policy';
import { naiveEvaluate, ruleKey } from '#policy/testing';
import type { Decision } from '#policy/testing';
import { Actor } from './asks.ts';
import type { Ask, Move, Told } from './asks.ts';
import type { Prepared, Program, Scenario } from './scenario.ts';

/** What the rules make of one step. */
export interface Expected {
  readonly text: string;
  /** `OK`, an error's name, or `any`: everything but a refusal. */
  readonly result: string;
  /** Lines as alerts.ts writes them. */
  readonly alerts: readonly string[];
}

export interface ExpectedProgram {
  readonly program: Program;
  readonly start: Expected;
  /** Empty where it does not start. */
  readonly steps: readonly Expected[];
}

/** What must come of a scenario by `policy.evaluate`, and where the naive model of the design page says otherwise. */
export interface Prediction {
  readonly programs: readonly ExpectedProgram[];
  readonly accesses: number;
  readonly differences: readonly string[];
}

interface World {
  readonly scenario: Scenario;
  readonly prepared: readonly Prepared[];
  readonly workload: Workload;
  readonly resolve: PathResolver;
}

/** An Audit rule that speaks when a socket is made: it does not repeat itself. */
function saidAtCreation({ policies }: Prepared, { namespace, policy: name, field }: RuleSet['rules'][number]): boolean {
  const rule = policies.find((policy) => policy.name === name && policy.namespace === namespace)?.rules.find((one) => one.field === field);
  return rule?.family === 'network' && rule.direction === undefined && rule.port === undefined && rule.cidr === undefined;
}

/** Whether peers are asked about at all: else what was said of the listening socket is all. */
const judgesPeers = ({ policies }: Prepared): boolean =>
  policies.some(({ rules }) => rules.some((rule) => rule.family === 'network' && rule.cidr !== undefined && rule.direction === 'ingress'));

const isRequest = ({ access }: Ask): boolean => access.kind === 'socket' && access.op === 'request';

/** Whether a verdict is one that the design page allows: at equal rank any of several rules may be named. */
function agrees(verdict: Verdict, key: string | undefined, wanted: Decision): boolean {
  const isNamed = wanted.rules === undefined ? key === undefined : key !== undefined && wanted.rules.includes(key);
  return verdict.outcome === wanted.outcome && isNamed;
}

class Predictor {
  readonly #world: World;
  readonly #made = new Set<string>();
  readonly differences: string[] = [];
  accesses = 0;
  /** The rule set in force, and its number: a new one each time that the rules change. */
  #set = 0;
  #epoch = 0;

  constructor(world: World) {
    this.#world = world;
  }

  program(program: Program): ExpectedProgram {
    this.#swap(0);
    const actor = new Actor({ root: this.#world.scenario.root, program, rules: this.#epoch, made: this.#made });
    const start = this.#step(`$ ${program.path} as ${program.uid}`, actor, actor.start(program.path));
    const steps = start.result === 'OK' ? program.steps.map((text) => this.#next(text, actor)) : [];
    return { program, start, steps };
  }

  #next(text: string, actor: Actor): Expected {
    const swap = /^! swap (\d+)$/.exec(text)?.[1];
    if (swap === undefined) return this.#step(text, actor, actor.move(text));
    this.#swap(Number(swap));
    actor.rules = this.#epoch;
    return { text, result: 'OK', alerts: [] };
  }

  #swap(to: number): void {
    const [before, after] = [this.#set, to].map((set) => this.#world.prepared[set]?.ruleSet);
    const isSame = this.#set === to || (before?.rules.length === 0 && after?.rules.length === 0);
    this.#set = to;
    if (!isSame) this.#epoch++;
  }

  #step(text: string, actor: Actor, move: Move): Expected {
    const alerts: string[] = [];
    const asks = judgesPeers(this.#inForce) ? move.asks : move.asks.filter((ask) => !isRequest(ask));
    let first: Told | undefined;
    for (const ask of asks) {
      const verdict = this.#judge(text, ask.access);
      const isSaid = this.#isSaid(verdict, { ask, actor, told: alerts.length > 0 });
      if (isSaid) alerts.push(this.#lineOf(verdict, ask));
      if (isSaid && ask === asks[0]) first = this.#ruleOf(verdict) === undefined ? 'posture' : 'rule';
      if (verdict.outcome === 'denied' && !this.#world.scenario.audited) return { text, result: ask.refusal, alerts };
      ask.passed?.();
    }
    move.done?.(first);
    return { text, result: move.result ?? 'OK', alerts };
  }

  get #inForce(): Prepared {
    return this.#world.prepared[this.#set]!;
  }

  #ruleOf(verdict: Verdict): RuleSet['rules'][number] | undefined {
    return verdict.outcome === 'passed' || verdict.rule === undefined ? undefined : this.#inForce.ruleSet?.rules[verdict.rule];
  }

  /** The evaluator's verdict, compared with the naive model's. */
  #judge(text: string, access: Access): Verdict {
    this.accesses++;
    const { policies, ruleSet } = this.#inForce;
    const verdict = ruleSet === undefined ? ({ outcome: 'passed' } as const) : evaluate(ruleSet.image, access);
    const wanted = naiveEvaluate(policies, this.#world.workload, access, this.#world.resolve);
    const rule = this.#ruleOf(verdict);
    const key = rule && ruleKey({ kind: rule.kind, namespace: rule.namespace, name: rule.policy }, rule);
    if (!agrees(verdict, key, wanted)) {
      const says = `the evaluator says ${verdict.outcome} by ${key ?? 'no rule'}, the naive model ${wanted.outcome} by ${wanted.rules?.join(' or ') ?? 'no rule'}`;
      this.differences.push(`${text}: ${says} for ${JSON.stringify(access)}`);
    }
    return verdict;
  }

  /** Whether there is an alert: what was said before, of the same access or socket, is not said again. */
  #isSaid(verdict: Verdict, { ask, actor, told }: { ask: Ask; actor: Actor; told: boolean }): boolean {
    const isRefused = verdict.outcome === 'denied' && !this.#world.scenario.audited;
    if (verdict.outcome === 'passed' || isRefused) return isRefused;
    if (ask.second === true && told) return false;
    if (verdict.outcome === 'denied' || ask.socket?.told !== actor.rules) return true;
    const rule = this.#ruleOf(verdict);
    return rule === undefined ? ask.socket.by !== 'posture' : !saidAtCreation(this.#inForce, rule);
  }

  #lineOf(verdict: Verdict, { access, hook, object }: Ask): string {
    const rule = this.#ruleOf(verdict);
    const outcome = verdict.outcome === 'denied' && this.#world.scenario.audited ? 'would-deny' : verdict.outcome;
    const name = rule === undefined ? 'posture' : `${rule.policy}:${rule.field.replace(/^spec\./, '')}`;
    const { subject } = access;
    const by = subject === '/bin/stim' ? '' : ` by ${typeof subject === 'string' ? subject : '-'}`;
    return `${outcome} ${hook} ${object} ${name}${by}`;
  }
}

/** Says what must come of a scenario, step by step, without a kernel. */
export function predict(world: World): Prediction {
  const predictor = new Predictor(world);
  const programs = world.scenario.programs.map((program) => predictor.program(program));
  return { programs, accesses: predictor.accesses, differences: predictor.differences };
}
