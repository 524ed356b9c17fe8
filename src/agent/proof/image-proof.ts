// SPDX-License-Identifier: Apache-2.0
import type { Probe, ProbePlan, RuleSet } from '#policy';
import { policyKey } from '../policy-identity.ts';
import type { Judged } from './judge.ts';
import { PROOF_FRESH_MS } from './port.ts';
import type { ProofReason, Unprobed } from './port.ts';

/** Probes of one round beside the first ones and those that failed. */
const TURNS_MAX = 32;

/** What somebody changed stays unproven for so long at least, so that whoever looks now and then sees it. */
const DISTRUST_MS = 10_000;

/** What of a plan can be tried, as far as is known. */
interface Planned extends ProbePlan {
  /** What must come out right for a policy to be proven; none: nothing of it can be tried. */
  readonly needed: ReadonlyMap<string, ReadonlySet<Probe>>;
}

/** A moment: of the clock that never jumps, and of the wall. */
export interface Moment {
  readonly ms: number;
  readonly wallMs: number;
}

export type ImageState = 'Proven' | 'Failed' | 'Pending' | 'Unprobed';

/** What is known of one image in force, by all the rounds that it had. */
export class ImageProof {
  readonly ruleSet: RuleSet;
  /** Policies with rules in it, by their keys. */
  readonly policies: ReadonlySet<string>;
  /** When the last round began; undefined: there was none. */
  triedMs: number | undefined;
  /** A round that begins before does not prove anything. */
  #countsFromMs = Number.NEGATIVE_INFINITY;
  readonly #planNow: () => ProbePlan;
  #planned: Planned | undefined;
  /** What was changed by somebody else, while no round has passed since. */
  #tampered: string | undefined;
  /** Probes that failed when they were tried last. */
  readonly #failures = new Map<Probe, string>();
  /** When the probes that prove a policy came out right last. */
  readonly #proven = new Map<string, Moment>();
  /** Probes that cannot be tried on this node, with the reason. */
  readonly #undecided = new Map<Probe, string>();
  #turn = 0;

  /** @param plan called once, when the first round begins */
  constructor(ruleSet: RuleSet, plan: () => ProbePlan) {
    this.ruleSet = ruleSet;
    this.#planNow = plan;
    this.policies = new Set(ruleSet.rules.map((rule) => keyOf(rule)));
  }

  #plan(): Planned {
    if (this.#planned !== undefined) return this.#planned;
    return (this.#planned = this.#without(this.#planNow(), new Set()));
  }

  /** A plan without what cannot be tried: of each policy and family the first of the rest takes its place. */
  #without(plan: ProbePlan, left: ReadonlySet<Probe>): Planned {
    const needed = new Map([...this.policies].map((key) => [key, new Set<Probe>()]));
    const seen = new Set<string>();
    const [first, others]: [Probe[], Probe[]] = [[], []];
    for (const probe of plan.probes.filter((one) => !left.has(one))) {
      const keys = this.#policiesOf(probe).filter((key) => !seen.has(`${probe.family} ${key}`));
      (keys.length > 0 || probe.proves.length === 0 ? first : others).push(probe);
      for (const key of keys) {
        needed.get(key)?.add(probe);
        seen.add(`${probe.family} ${key}`);
      }
    }
    return { probes: [...first, ...others], first: first.length, unprobed: plan.unprobed, needed };
  }

  /** What the next round is to try: always the first ones and what failed, the others by turns. */
  next(): readonly Probe[] {
    const { probes, first } = this.#plan();
    const others = probes.slice(first);
    const turn = [...others.slice(this.#turn), ...others.slice(0, this.#turn)].slice(0, TURNS_MAX);
    this.#turn = others.length === 0 ? 0 : (this.#turn + turn.length) % others.length;
    const failed = [...this.#failures.keys()].filter((probe) => !turn.includes(probe));
    return [...new Set([...probes.slice(0, first), ...failed, ...turn])];
  }

  /** Somebody else changed what is in force: nothing is proven until a round passes that begins a while from now. */
  distrust(what: string, nowMs: number): void {
    this.#tampered = what;
    this.#countsFromMs = nowMs + DISTRUST_MS;
    this.#proven.clear();
  }

  /** A round is over. */
  note(judged: Judged, began: Moment): void {
    this.triedMs = began.ms;
    for (const probe of judged.passed) this.#failures.delete(probe);
    for (const { probe, message } of judged.failures) this.#failures.set(probe, message);
    for (const { probe, reason } of judged.undecided) this.#undecided.set(probe, reason);
    if (judged.undecided.length > 0) this.#planned = this.#without(this.#plan(), new Set(this.#undecided.keys()));
    if (began.ms >= this.#countsFromMs) this.#prove(judged, began);
  }

  #prove(judged: Judged, began: Moment): void {
    const passed = new Set(judged.passed);
    const tried = new Set(judged.failures.map(({ probe }) => probe));
    for (const [key, needed] of this.#plan().needed) {
      if ([...needed].every((probe) => passed.has(probe)) && ![...tried].some((probe) => this.#isOf(probe, key)))
        this.#proven.set(key, began);
    }
    if (judged.failures.length === 0) this.#tampered = undefined;
  }

  /** When its next round is to be: at once where it is new; where it was changed as soon as a round counts again. */
  dueMs(everyMs: number): number {
    if (this.triedMs === undefined) return Number.NEGATIVE_INFINITY;
    const again = this.triedMs + everyMs;
    return this.triedMs < this.#countsFromMs ? Math.min(again, this.#countsFromMs) : again;
  }

  get hasFailed(): boolean {
    return this.#failures.size > 0 || this.#tampered !== undefined;
  }

  stateOf(key: string, nowMs: number): ImageState {
    if (this.#tampered !== undefined || [...this.#failures.keys()].some((probe) => this.#isOf(probe, key))) return 'Failed';
    const proven = this.#proven.get(key);
    if (proven === undefined || nowMs - proven.ms > PROOF_FRESH_MS) return 'Pending';
    return (this.#planned?.needed.get(key)?.size ?? 0) > 0 ? 'Proven' : 'Unprobed';
  }

  provenAt(key: string): number | undefined {
    return this.#proven.get(key)?.wallMs;
  }

  reasonsOf(key: string): ProofReason[] {
    const tampered: ProofReason[] = this.#tampered === undefined ? [] : [{ code: 'Tampered', message: this.#tampered }];
    const failed = [...this.#failures].filter(([probe]) => this.#isOf(probe, key));
    return [
      ...tampered,
      ...failed.map(([probe, message]): ProofReason => ({ code: 'CanaryFailed', ...this.#fieldOf(probe, key), message })),
    ];
  }

  unprobedOf(key: string): Unprobed[] {
    const undecided = [...this.#undecided].flatMap(([{ proves }, reason]) =>
      proves.map((id) => ({ rule: this.ruleSet.rules[id]!, reason })),
    );
    return [...(this.#planned?.unprobed ?? []), ...undecided]
      .filter(({ rule }) => keyOf(rule) === key)
      .map(({ rule, reason }) => ({ field: rule.field, reason }));
  }

  /** A probe that proves no rule must pass, and speaks of every policy. */
  #isOf(probe: Probe, key: string): boolean {
    return probe.proves.length === 0 || this.#policiesOf(probe).includes(key);
  }

  #policiesOf(probe: Probe): string[] {
    return probe.proves.map((id) => keyOf(this.ruleSet.rules[id]!));
  }

  #fieldOf(probe: Probe, key: string): { field?: string } {
    const mine = probe.proves.map((id) => this.ruleSet.rules[id]!).filter((rule) => keyOf(rule) === key);
    return mine.length === 1 ? { field: mine[0]!.field } : {};
  }
}

const keyOf = (rule: RuleSet['rules'][number]): string => policyKey({ kind: rule.kind, namespace: rule.namespace, name: rule.policy });
