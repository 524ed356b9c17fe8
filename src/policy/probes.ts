// SPDX-License-Identifier: Apache-2.0
import type { Access, Verdict } from './access.ts';
import { asWritten } from './compile.ts';
import type { RuleSet } from './compile.ts';
import { deciderOf } from './deciders.ts';
import { judge } from './evaluate.ts';
import type { PathResolver } from './lower.ts';
import type { Policy, Rule } from './model.ts';
import {
  beginningsOf,
  candidatesOf,
  capabilitiesOf,
  CANARY_APPLET,
  CANARY_FOLDER,
  doneBy,
  subjectNames,
  unlistedDeeds,
} from './probe-candidates.ts';
import type { Deed } from './probe-candidates.ts';
import { layOut } from './probe-layout.ts';
import type { RuleInfo } from './rule-info.ts';

export type ProbeFamily = 'process' | 'file' | 'network' | 'capabilities';
const FAMILIES: readonly ProbeFamily[] = ['process', 'file', 'network', 'capabilities'];

/** An access, and what an image says to it. */
export interface Probe {
  readonly access: Access;
  /** As `evaluate` says of the very image, in mode `enabled`. */
  readonly expected: Verdict;
  readonly family: ProbeFamily;
  /** Rules that are proven where it comes out as expected, by id; none: it must pass, so that "everything is denied" is no proof. */
  readonly proves: readonly number[];
}

/** What a canary tries of an image. */
export interface ProbePlan {
  /** The first of each policy and family come first, and before them what must pass. */
  readonly probes: readonly Probe[];
  /** How many of them are these first ones: every round does them, the others take turns. */
  readonly first: number;
  /** Rules of which no access can be tried, with the reason; without those that are not enforced at all. */
  readonly unprobed: readonly { readonly rule: RuleInfo; readonly reason: string }[];
}

/** What a plan depends on beside the rules. */
export interface ProbeOptions {
  /** As the policies were compiled. Absent: names stand for themselves. */
  readonly resolve?: PathResolver;
  /** Whether this kernel tells applets of multi-call binaries apart. Absent: it does. */
  readonly tellsApplets?: boolean;
}

/**
 * Accesses that tell whether an image is in force: of each Block and Audit rule one that it forbids or tells of, of each family with
 * Allow rules one that none of them allows, and of each family with rules one that passes.
 *
 * Deterministic; at most one access a rule and two a family. An access is in the plan only where `evaluate` says of the image that it does
 * not simply pass. Where another rule decides it all the same, the alert is to name that one.
 *
 * @param policies those that `set` was compiled from
 */
export function probesOf(set: RuleSet, policies: readonly Policy[], options: ProbeOptions = {}): ProbePlan {
  const planner = new Planner(set, policies, options);
  return planner.plan();
}

class Planner {
  readonly #set: RuleSet;
  readonly #resolve: PathResolver;
  readonly #tellsApplets: boolean;
  readonly #ruleOf: ReadonlyMap<string, Rule>;
  readonly #notEnforced: ReadonlySet<number>;
  readonly #probes: Probe[] = [];
  readonly #unprobed: { rule: RuleInfo; reason: string }[] = [];
  /** A program that may be executed and that no rule needs to be there. */
  readonly #anybody: string | undefined;

  constructor(set: RuleSet, policies: readonly Policy[], { resolve = asWritten, tellsApplets = true }: ProbeOptions) {
    this.#set = set;
    this.#resolve = resolve;
    this.#tellsApplets = tellsApplets;
    this.#ruleOf = new Map(policies.flatMap((policy) => policy.rules.map((rule) => [keyOf(policy, policy.name, rule.field), rule])));
    this.#notEnforced = new Set(set.notEnforced.map(({ rule }) => rule.id));
    this.#anybody = this.#programs().find((path) => this.#mayStart(path));
  }

  plan(): ProbePlan {
    for (const info of this.#set.rules) if (info.action !== 'Allow' && !this.#notEnforced.has(info.id)) this.#probeRule(info);
    for (const family of FAMILIES) this.#probePosture(family);
    const { first, others } = this.#ordered();
    const controls = this.#controls();
    return { probes: [...controls, ...first, ...others], first: controls.length + first.length, unprobed: this.#unprobed };
  }

  #probeRule(info: RuleInfo): void {
    const rule = this.#ruleOf.get(keyOf(info, info.policy, info.field));
    if (rule === undefined) return this.#skip(info, 'its policy is not known');
    const candidates = candidatesOf(rule, this.#resolve);
    if ('reason' in candidates) return this.#skip(info, candidates.reason);
    const subjects = this.#subjectsOf(rule);
    if (subjects.length === 0) return this.#skip(info, 'no program that it speaks of may be executed under these rules');
    const tried = candidates.deeds.flatMap((deed) => subjects.flatMap((subject) => this.#tried(deed, subject) ?? []));
    const wanted = info.action === 'Block' ? 'denied' : 'audited';
    const telling = tried.filter(({ expected }) => expected.outcome === wanted);
    // an access that the rule itself decides says most
    const best = telling.find(({ expected }) => 'rule' in expected && expected.rule === info.id) ?? telling[0];
    if (best === undefined) return this.#skip(info, 'other rules decide what it speaks of');
    this.#probes.push({ ...best, family: rule.family as ProbeFamily, proves: [info.id] });
  }

  #skip(rule: RuleInfo, reason: string): void {
    this.#unprobed.push({ rule, reason });
  }

  /** Who does what a rule speaks of. An exec can be the first of a container, done by the runtime. */
  #subjectsOf(rule: Rule): Access['subject'][] {
    if (rule.subjects.length > 0) return subjectNames(rule, this.#resolve).filter((path) => this.#mayStart(path));
    const anybody = this.#anybody === undefined ? [] : [this.#anybody];
    return rule.family === 'process' ? [{ runtime: true }, ...anybody] : anybody;
  }

  /** What the image says to a deed; undefined where a canary does not get as far as to ask, or no root can hold it. */
  #tried(deed: Deed, subject: Access['subject']): Pick<Probe, 'access' | 'expected'> | undefined {
    const access = doneBy(this.#asSeen(deed), subject);
    if (beginningsOf(deed).some((begin) => this.#isDenied(doneBy(begin, subject)))) return undefined;
    if (layOut([{ access }]).rest.length > 0) return undefined;
    const expected = judge(this.#set.image, access).verdict;
    const needs = capabilitiesOf(deed);
    const lacks = needs.some((capability) => this.#isDenied({ kind: 'capability', capability, subject }));
    return lacks && expected.outcome !== 'denied' ? undefined : { access, expected };
  }

  #isDenied(access: Access): boolean {
    return judge(this.#set.image, access).verdict.outcome === 'denied';
  }

  /** Whether a container may begin with this program. */
  #mayStart(path: string): boolean {
    const deed: Deed = { kind: 'exec', object: { path }, owner: true, applet: CANARY_APPLET };
    return !this.#isDenied(doneBy(this.#asSeen(deed), { runtime: true }));
  }

  /** Where the kernel cannot tell applets, all are the unknown one. */
  #asSeen(deed: Deed): Deed {
    return deed.kind === 'exec' && !this.#tellsApplets ? { ...deed, applet: { unknown: true } } : deed;
  }

  #programs(): string[] {
    const rules = [...this.#ruleOf.values()];
    const allowed = rules.filter((rule) => rule.family === 'process' && rule.action === 'Allow');
    const named = allowed.flatMap((rule) => {
      const candidates = candidatesOf(rule, this.#resolve);
      return 'reason' in candidates ? [] : candidates.deeds.flatMap((deed) => ('object' in deed ? [deed.object.path] : []));
    });
    return [`${CANARY_FOLDER}/program`, ...named];
  }

  /** Where Allow rules bring a posture: what none of them allows. */
  #probePosture(family: ProbeFamily): void {
    const allows = this.#set.rules.filter(
      ({ id, family: of, action }) => of === family && action === 'Allow' && !this.#notEnforced.has(id),
    );
    if (allows.length === 0) return;
    const found = this.#unlisted(family).find(
      ({ access, expected }) => expected.outcome !== 'passed' && deciderOf(judge(this.#set.image, access)) === 'DefaultPosture',
    );
    if (found !== undefined) this.#probes.push({ ...found, family, proves: allows.map(({ id }) => id) });
    else for (const rule of allows) this.#skip(rule, 'nothing was found that no rule decides');
  }

  #unlisted(family: ProbeFamily): Pick<Probe, 'access' | 'expected'>[] {
    const anybody: Access['subject'][] = this.#anybody === undefined ? [] : [this.#anybody];
    const subjects = family === 'process' ? [{ runtime: true } as const, ...anybody] : anybody;
    return unlistedDeeds(family).flatMap((deed) => subjects.flatMap((subject) => this.#tried(deed, subject) ?? []));
  }

  /** What must pass: of each family with rules, else of any. */
  #controls(): Probe[] {
    const probed = new Set(this.#probes.map(({ family }) => family));
    const passing = (family: ProbeFamily): Probe[] => {
      const allowed = this.#set.rules.filter((info) => info.family === family && info.action === 'Allow');
      const more = allowed.flatMap((info) => this.#allowed(info));
      const found = [...this.#unlisted(family), ...more].find(
        ({ access, expected }) => expected.outcome === 'passed' && leavesNoDoubt(access),
      );
      return found === undefined ? [] : [{ ...found, family, proves: [] }];
    };
    const own = FAMILIES.filter((family) => probed.has(family)).flatMap(passing);
    return own.length > 0 ? own : FAMILIES.flatMap(passing).slice(0, 1);
  }

  #allowed(info: RuleInfo): Pick<Probe, 'access' | 'expected'>[] {
    const rule = this.#ruleOf.get(keyOf(info, info.policy, info.field));
    const candidates = rule === undefined ? undefined : candidatesOf(rule, this.#resolve);
    if (rule === undefined || candidates === undefined || 'reason' in candidates) return [];
    return candidates.deeds.flatMap((deed) => this.#subjectsOf(rule).flatMap((subject) => this.#tried(deed, subject) ?? []));
  }

  /** Of each policy and family one comes first; an access that proves nothing new waits for its turn. */
  #ordered(): { first: Probe[]; others: Probe[] } {
    const seen = new Set<string>();
    const [first, others]: [Probe[], Probe[]] = [[], []];
    for (const probe of this.#probes) {
      const keys = probe.proves.map((id) => `${keyOf(this.#set.rules[id]!, this.#set.rules[id]!.policy, '')} ${probe.family}`);
      (keys.some((key) => !seen.has(key)) ? first : others).push(probe);
      for (const key of keys) seen.add(key);
    }
    return { first, others };
  }
}

const keyOf = (of: { readonly kind: string; readonly namespace: string }, policy: string, field: string): string =>
  `${of.kind} ${of.namespace} ${policy} ${field}`;

/** Only what the kernel itself would never refuse to root in name spaces of its own. */
function leavesNoDoubt(access: Access): boolean {
  if (access.kind === 'capability') return false;
  return access.kind !== 'socket' || (access.op === 'create' && access.type !== 3 && access.type !== 4);
}
