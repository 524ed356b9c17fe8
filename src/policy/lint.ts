// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { asWritten, compile } from './compile.ts';
import { deciderOf, isMatched, winnersOf } from './deciders.ts';
import type { Decider } from './deciders.ts';
import { judge } from './evaluate.ts';
import { lintPolicy } from './lint-policy.ts';
import type { LintCode } from './lint-codes.ts';
import type { PathResolver } from './lower.ts';
import { notEnforceable } from './lower.ts';
import type { Policy, Rule } from './model.ts';
import { alone, ANY_WORKLOAD } from './one-rule.ts';
import { universeOf } from './universe.ts';
import type { Universe } from './universe.ts';

/** A rule of one of the policies that were given. */
export interface RulePlace {
  /** Index in what was given. */
  readonly policy: number;
  /** Field path. */
  readonly at: string;
}

/** What is odd about a rule or a policy that is right in form. */
export interface Finding extends RulePlace {
  readonly code: LintCode;
  readonly problem: string;
  readonly cure: string;
  /** The rules that make it so; the place of each is told with the finding. */
  readonly because: readonly RulePlace[];
}

/**
 * Looks for rules that do not do what they seem to, in policies that were taken.
 *
 * A rule is judged beside those that select every workload that its policy selects, so what is found holds wherever the policy is.
 * Of two policies with one kind, namespace and name the later counts. Exact for accesses to names in the workload's own mount name
 * space; objects of other name spaces may still meet a rule that is called shadowed by an Allow rule.
 */
export function lint(policies: readonly Policy[], resolve: PathResolver = asWritten): Finding[] {
  const last = new Map(policies.map((policy, index) => [`${policy.kind} ${policy.namespace} ${policy.name}`, index]));
  const current = [...last.values()].toSorted((a, b) => a - b);
  const bySet = new Map<string, RuleGroup>();
  return current.flatMap((index) =>
    findingsOf(policies, index, current, (members) => {
      const key = members.join();
      const set = bySet.get(key) ?? new RuleGroup(policies, members, resolve);
      bySet.set(key, set);
      return set;
    }),
  );
}

/** As `lint`, of one of the policies alone, all of which have names of their own. */
export function lintAmong(policies: readonly Policy[], index: number, resolve: PathResolver = asWritten): Finding[] {
  return findingsOf(policies, index, [...policies.keys()], (members) => new RuleGroup(policies, members, resolve));
}

function findingsOf(
  policies: readonly Policy[],
  index: number,
  current: readonly number[],
  groupOf: (members: readonly number[]) => RuleGroup,
): Finding[] {
  const policy = policies[index]!;
  const members = current.filter((other) => other === index || selectsAlso(policies[other]!, policy));
  const beside = members.map((member) => policies[member]!);
  return [...groupOf(members).findings(index), ...lintPolicy(policy, index, beside)];
}

/** Whether the first policy selects every workload that the second selects; false where that cannot be told from the selectors. */
export function selectsAlso(wide: Policy, narrow: Policy): boolean {
  const [w, n] = [wide.selector, narrow.selector];
  if (w.target !== n.target || (w.target === 'node' && Object.keys(w.matchLabels).length === 0)) return false;
  if (wide.namespace !== '' && wide.namespace !== narrow.namespace) return false;
  if (w.containerNames.length > 0 && (n.containerNames.length === 0 || !n.containerNames.every((name) => w.containerNames.includes(name))))
    return false;
  const labels = Object.entries(w.matchLabels).every(([key, value]) => Object.hasOwn(n.matchLabels, key) && n.matchLabels[key] === value);
  return labels && w.matchExpressions.every((one) => n.matchExpressions.some((other) => isDeepStrictEqual(one, other)));
}

/** Evaluations that naming what decides before shadowed rules may take in one group, some seconds; beyond it they are not named. */
const LOOK_UPS_MAX = 5_000_000;

/** Policies that are on a workload together, and who decides what there. */
class RuleGroup {
  readonly #policies: readonly Policy[];
  readonly #members: readonly number[];
  readonly #resolve: PathResolver;
  readonly #places: RulePlace[] = [];
  readonly #rules: Rule[] = [];
  readonly #winners = new Set<number>();
  #image: Uint32Array | undefined;
  #universe: Universe | undefined;
  #lookUps = 0;
  /** The first rule of each meaning. */
  readonly #byMeaning = new Map<string, number>();
  readonly #exceptions = new Map<number, Set<number>>();

  constructor(policies: readonly Policy[], members: readonly number[], resolve: PathResolver) {
    this.#policies = policies;
    this.#members = members;
    this.#resolve = resolve;
    this.#judge();
  }

  /** What is odd about the rules of one member. */
  findings(index: number): Finding[] {
    if (this.#universe?.isComplete !== true) {
      const problem = 'its rules, with those of the policies beside it, are too many to look at every access';
      return [
        {
          code: 'LINT_INCOMPLETE',
          policy: index,
          at: 'spec',
          problem,
          cure: 'split the policy; nothing is wrong with it by that',
          because: [],
        },
      ];
    }
    return this.#places.flatMap((place, id) => (place.policy === index ? (this.#finding(id) ?? []) : []));
  }

  #judge(): void {
    const policies = this.#members.map((member) => this.#policies[member]!);
    const made = compile(policies, ANY_WORKLOAD, this.#resolve);
    if ('exceeded' in made) return;
    for (const info of made.rules) {
      const member = this.#members.findLast((one) => isOf(this.#policies[one]!, info))!;
      this.#places.push({ policy: member, at: info.field });
      this.#rules.push(this.#policies[member]!.rules.find(({ field }) => field === info.field)!);
    }
    for (const [id, rule] of this.#rules.entries()) {
      const meaning = meaningOf(rule);
      if (!this.#byMeaning.has(meaning)) this.#byMeaning.set(meaning, id);
    }
    this.#image = made.image;
    const universe = universeOf(policies, this.#resolve);
    const blocks = policies.map((policy) => ({ ...policy, rules: policy.rules.filter(({ action }) => action === 'Block') }));
    const onlyBlocks = compile(blocks, ANY_WORKLOAD, this.#resolve);
    const blockIds = [...this.#rules.keys()].filter((id) => this.#rules[id]!.action === 'Block');
    for (const access of universe.accesses) {
      const judged = judge(made.image, access);
      for (const winner of winnersOf(judged)) this.#winners.add(winner);
      const decider = deciderOf(judged);
      if (typeof decider !== 'number' || this.#rules[decider]!.action !== 'Allow' || 'exceeded' in onlyBlocks) continue;
      const undone = judge(onlyBlocks.image, access).verdict;
      if (undone.outcome === 'denied' && undone.rule !== undefined) this.#except(blockIds[undone.rule]!, decider);
    }
    this.#universe = universe;
  }

  /** Notes an exception that is for everybody; one for some programs is what subjects are for. */
  #except(block: number, allow: number): void {
    if (this.#rules[allow]!.subjects.length > 0) return;
    const seen = this.#exceptions.get(block) ?? new Set();
    this.#exceptions.set(block, seen.add(allow));
  }

  #finding(id: number): Finding | undefined {
    const rule = this.#rules[id]!;
    const place = this.#places[id]!;
    if (notEnforceable(rule) !== undefined || rule.subjects.some((subject) => subject.kind === 'path' && subject.path === '/..'))
      return undefined;
    if (!this.#winners.has(id)) return this.#undecided(rule, place);
    const exceptions = this.#exceptions.get(id);
    if (exceptions === undefined) return undefined;
    const because = Array.from(exceptions, (allow) => this.#places[allow]!);
    const problem = `Block, except for what ${because.length === 1 ? 'a more specific Allow rule takes' : `${because.length} more specific Allow rules take`} out of it, whoever acts`;
    return {
      ...place,
      code: 'BLOCK_EXCEPTED',
      problem,
      cure: 'if the exception is for some programs, give the Allow rule a `fromSource`',
      because,
    };
  }

  #undecided(rule: Rule, place: RulePlace): Finding {
    const same = this.#byMeaning.get(meaningOf(rule));
    if (same !== undefined && this.#rules[same] !== rule) {
      const because = [this.#places[same]!];
      return { ...place, code: 'RULE_DUPLICATE', problem: 'another rule says the same', cure: 'remove one of the two', because };
    }
    const { matched, winners } = this.#beatenBy(rule);
    if (!matched)
      return { ...place, code: 'RULE_MATCHES_NOTHING', problem: 'no access exists that it matches', cure: this.#remove(rule), because: [] };
    const rules = winners.filter((winner) => typeof winner === 'number');
    const because = rules.map((winner) => this.#places[winner]!);
    const others =
      rules.length === 0
        ? winners.length === 0
          ? ['other rules']
          : []
        : [rules.length === 1 ? 'another rule' : `${rules.length} other rules`];
    const who = [...others, ...(winners.includes('DefaultPosture') ? ['the default posture'] : [])];
    const isOne = who.length === 1 && winners.length === 1;
    const problem = `${rule.action} never decides: ${who.join(' and ')} ${isOne ? 'decides' : 'decide'} everything that it matches`;
    return { ...place, code: 'RULE_SHADOWED', problem, cure: this.#remove(rule), because };
  }

  #remove(rule: Rule): string {
    if (rule.action !== 'Allow') return 'remove it, or make it more specific than what decides before it';
    const others = this.#rules.filter((other) => other.family === rule.family && other.action === 'Allow').length;
    return others > 1
      ? 'remove it'
      : 'remove it, but it is the only Allow rule of its family: without it the default posture no longer counts there';
  }

  /** Who decides what a rule matches. */
  #beatenBy(rule: Rule): { matched: boolean; winners: Decider[] } {
    const single = compile([alone(rule)], ANY_WORKLOAD, this.#resolve);
    const winners = new Set<Decider>();
    let matched = false;
    const near = this.#universe!.near(rule);
    this.#lookUps += near.length;
    if ('exceeded' in single || this.#lookUps > LOOK_UPS_MAX) return { matched: true, winners: [] };
    for (const access of near) {
      if (access.kind === 'read-write' || access.kind === 'rename' || !isMatched(judge(single.image, access))) continue;
      matched = true;
      const decider = deciderOf(judge(this.#image!, access));
      if (decider !== undefined) winners.add(decider);
    }
    if (!matched) matched = near.some((access) => isMatched(judge(single.image, access)));
    return { matched, winners: [...winners] };
  }
}

function isOf(policy: Policy, info: { kind: string; namespace: string; policy: string }): boolean {
  return policy.kind === info.kind && policy.namespace === info.namespace && policy.name === info.policy;
}

/** Equal for two rules that mean the same, wherever they stand and whatever they report. */
function meaningOf({ field: _field, severity: _severity, tags: _tags, message: _message, ...rest }: Rule): string {
  return JSON.stringify(Object.entries(rest).toSorted(([x], [y]) => (x < y ? -1 : 1)));
}
