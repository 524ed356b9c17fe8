// SPDX-License-Identifier: Apache-2.0
import type { Access, Verdict } from './access.ts';
import { asWritten, compile } from './compile.ts';
import type { NotEnforced, RuleSet } from './compile.ts';
import { deciderOf, isMatched } from './deciders.ts';
import type { Decider } from './deciders.ts';
import { familyOf, judge } from './evaluate.ts';
import { FAMILY, IMAGE_FLAG, IMAGE_HEAD, POSTURE, VERDICT } from './image-layout.gen.ts';
import type { PathResolver } from './lower.ts';
import { notEnforceable } from './lower.ts';
import type { Family, Policy, Rule, Workload } from './model.ts';
import { alone } from './one-rule.ts';
import type { RuleInfo } from './rule-info.ts';

/** A rule that matches an access. */
export interface Candidate {
  readonly rule: RuleInfo;
  /** Its precedence: lower is before. */
  readonly rank: number;
  /** Why it stands where it stands: `with a subject, exact path`. */
  readonly standing: string;
  readonly isDecider: boolean;
}

/** A rule that would match but for something. */
export interface NearMiss {
  readonly rule: RuleInfo;
  readonly reason: string;
}

/** Why an access passes or is denied. */
export interface Explanation {
  readonly access: Access;
  readonly verdict: Verdict;
  readonly decider: Decider;
  readonly family: Family;
  /** Every rule that matches, in order of precedence: Allow and Block rules first, then Audit rules, which never change a verdict. */
  readonly candidates: readonly Candidate[];
  readonly nearMisses: readonly NearMiss[];
  /** What decides where no rule does, and the Allow rule that makes it count. */
  readonly posture: { readonly value: 'none' | 'audit' | 'block'; readonly because?: RuleInfo | undefined };
  /** Rules of the family that the enforcer cannot do. */
  readonly notEnforced: readonly NotEnforced[];
}

const POSTURES = { [POSTURE.NONE]: 'none', [POSTURE.AUDIT]: 'audit', [POSTURE.BLOCK]: 'block' } as const;

/** Explains one access to whom it is denied, rule by rule: each rule is asked alone what it says, so the answer is the evaluator's. */
export class Explainer {
  readonly #set: RuleSet;
  readonly #rules: readonly Rule[];
  readonly #resolve: PathResolver;
  readonly #workload: Workload;

  /** @param policies those that select the workload, as they were compiled to `set` */
  constructor(set: RuleSet, policies: readonly Policy[], workload: Workload, resolve: PathResolver = asWritten) {
    this.#set = set;
    this.#resolve = resolve;
    this.#workload = workload;
    const byKey = new Map(
      policies.flatMap((policy) => policy.rules.map((rule) => [`${policy.kind} ${policy.namespace} ${policy.name} ${rule.field}`, rule])),
    );
    this.#rules = set.rules.map(({ kind, namespace, policy, field }) => byKey.get(`${kind} ${namespace} ${policy} ${field}`)!);
  }

  explain(access: Access): Explanation {
    const judged = judge(this.#set.image, access);
    const decider = deciderOf(judged);
    const family = familyOf(access).toLowerCase() as Family;
    const mine = this.#set.rules.filter((rule) => rule.family === family);
    return {
      access,
      verdict: judged.verdict,
      decider,
      family,
      candidates: this.#candidates(mine, access, decider),
      nearMisses: mine.flatMap((info) => this.#nearMiss(info, access) ?? []),
      posture: this.#posture(access, mine),
      notEnforced: this.#set.notEnforced.filter(({ rule }) => RELATED[family]?.includes(rule.family) ?? rule.family === family),
    };
  }

  #candidates(mine: readonly RuleInfo[], access: Access, decider: Decider): Candidate[] {
    const found = mine.flatMap((rule) => {
      const rank = this.#rankOf(this.#rules[rule.id]!, access);
      return rank === undefined ? [] : [{ rule, rank, standing: standing(this.#rules[rule.id]!), isDecider: rule.id === decider }];
    });
    const last = ({ rule }: Candidate): number => (rule.action === 'Audit' ? 1 : 0);
    const block = ({ rule }: Candidate): number => (rule.action === 'Block' ? 0 : 1);
    return found.toSorted(
      (a, b) =>
        last(a) - last(b) || a.rank - b.rank || block(a) - block(b) || Number(b.isDecider) - Number(a.isDecider) || a.rule.id - b.rule.id,
    );
  }

  /** The rank at which a rule matches; undefined where it does not. */
  #rankOf(rule: Rule, access: Access): number | undefined {
    if (notEnforceable(rule) !== undefined) return undefined;
    const single = compile([alone(rule)], this.#workload, this.#resolve);
    if ('exceeded' in single) return undefined;
    // the second name of an object counts while any rule of the set blocks a path
    single.image[IMAGE_HEAD.offsets.flags / 4]! |= this.#set.flags & IMAGE_FLAG.BLOCK_PATH;
    const judged = judge(single.image, access);
    if (!isMatched(judged)) return undefined;
    return Math.min(
      ...judged.hits.flatMap((hit) => [...(hit.verdict === VERDICT.NONE ? [] : [hit.rank]), ...(hit.audit ? [hit.auditRank] : [])]),
    );
  }

  /** What keeps a rule from matching, where it is one thing. */
  #nearMiss(info: RuleInfo, access: Access): NearMiss | undefined {
    const rule = this.#rules[info.id]!;
    if (notEnforceable(rule) !== undefined || this.#rankOf(rule, access) !== undefined) return undefined;
    const reason = relaxed(rule).find(([variant]) => this.#rankOf(variant, access) !== undefined)?.[1];
    return reason === undefined ? undefined : { rule: info, reason };
  }

  #posture(access: Access, mine: readonly RuleInfo[]): Explanation['posture'] {
    const value = POSTURES[this.#set.image[IMAGE_HEAD.offsets.posture / 4 + FAMILY[familyOf(access)]]! as keyof typeof POSTURES];
    return { value, because: mine.find(({ action, id }) => action === 'Allow' && notEnforceable(this.#rules[id]!) === undefined) };
  }
}

/** Families whose rules speak of what a family's accesses do, although they are another. */
const RELATED: { readonly [family in Family]?: readonly Family[] } = {
  process: ['process', 'preset', 'apparmor'],
  file: ['file', 'preset', 'apparmor'],
  network: ['network', 'dns', 'firewall', 'apparmor'],
  capabilities: ['capabilities', 'apparmor'],
};

/** How specific a rule is, in the words of the design page. */
export function standing(rule: Rule): string {
  const subject = rule.subjects.length > 0 ? 'for named programs, ' : '';
  return subject + kindOf(rule);
}

/** A rule without one of its conditions each, and what the condition says. */
function relaxed(rule: Rule): [Rule, string][] {
  const allows = rule.action === 'Allow';
  const variants: [Rule, string][] = [];
  if (rule.subjects.length > 0) variants.push([{ ...rule, subjects: [] }, `it is for ${rule.subjects.map(objectText).join(', ')} only`]);
  if ('ownerOnly' in rule && rule.ownerOnly) {
    variants.push([{ ...rule, ownerOnly: false }, allows ? 'it is for the owner only' : 'it says nothing about the owner']);
  }
  if ('readOnly' in rule && rule.readOnly) {
    variants.push([{ ...rule, readOnly: false }, allows ? 'it allows reading only' : 'it says nothing about reading']);
  }
  if (rule.family === 'network' && (rule.port !== undefined || rule.cidr !== undefined)) {
    const { port: _port, endPort: _endPort, cidr: _cidr, ...rest } = rule;
    variants.push([rest, `it is for ${peerText(rule)} only`]);
  }
  return variants;
}

function kindOf(rule: Rule): string {
  if (rule.family === 'network') return networkKind(rule);
  if (rule.family !== 'process' && rule.family !== 'file') return 'capability';
  const { object } = rule;
  if (object.kind === 'dir') return object.recursive ? 'directory, recursive' : 'directory';
  return { path: 'exact path', execname: 'exact name', glob: 'glob' }[object.kind];
}

function networkKind({ port, cidr, protocol }: Extract<Rule, { family: 'network' }>): string {
  if (port !== undefined || cidr !== undefined) return 'port or address';
  if (protocol === 'all') return 'all sockets';
  return ['stream', 'dgram', 'seqpacket', 'rdm', 'packet'].includes(protocol) ? 'socket type' : 'protocol';
}

/** What a rule is about, as a person writes it. */
export function ruleText(rule: Rule): string {
  if (rule.family === 'network') return [rule.protocol, peerText(rule)].filter((part) => part !== '').join(' ');
  if (rule.family === 'capabilities') return rule.capability;
  if (rule.family === 'dns') return rule.domain;
  if (rule.family !== 'process' && rule.family !== 'file') return rule.family;
  const flags = [rule.ownerOnly ? 'ownerOnly' : '', 'readOnly' in rule && rule.readOnly ? 'readOnly' : ''].filter((flag) => flag !== '');
  return [objectText(rule.object), ...flags].join(' ');
}

function objectText(object: Extract<Rule, { family: 'file' }>['object']): string {
  switch (object.kind) {
    case 'path':
      return object.path;
    case 'execname':
      return `any ${object.name}`;
    case 'glob':
      return object.glob;
    case 'dir':
      return `${object.dir === '/' ? '' : object.dir}/${object.recursive ? '**' : ''}`;
  }
}

function peerText({ port, endPort, cidr, direction }: Extract<Rule, { family: 'network' }>): string {
  const ports = port === undefined ? '' : endPort === undefined || endPort === port ? `port ${port}` : `ports ${port}-${endPort}`;
  return [direction ?? '', ports, cidr ?? ''].filter((part) => part !== '').join(' ');
}
