// SPDX-License-Identifier: Apache-2.0
import { policyRef } from '#cluster';
import { accessText, asWritten, diffFor, HintedRoot, MERGED_USR, selects, subjectText, workloadClasses } from '#policy';
import type { Change, Policy, Postures, RuleInfo, Workload } from '#policy';
import type { LoadedPolicy } from '../policy-set.ts';
import { asKubeArmor, ruleKey } from './kubearmor-rules.ts';
import type { KubeArmorView } from './kubearmor-rules.ts';
import type { MigrationReason } from './reasons.ts';
import { staticFindings } from './static-findings.ts';

/** One way in which a verdict differs, with an access that shows it. */
export interface VerdictDifference {
  readonly field: string;
  readonly reason: MigrationReason;
  readonly witness: string;
  readonly before: string;
  readonly after: string;
}

export interface PolicyMigration {
  readonly ref: string;
  readonly place: string;
  readonly differences: readonly VerdictDifference[];
}

export interface Comparison {
  readonly policies: readonly PolicyMigration[];
  /** Why not everything was looked at; empty: it was. */
  readonly incomplete: readonly string[];
}

const WORDS = { denied: 'denied', audited: 'audited', passed: 'allowed' } as const;
/** Plain accesses are understood best, and come first. */
const ODD_KINDS: readonly Change['witness']['kind'][] = ['map-exec', 'rename', 'read-write'];

/** What is taken for granted of workloads. */
export interface Assumed {
  /** They have a /bin of their own; else /bin, /sbin and /lib are taken for links into /usr. */
  readonly isSplitUsr: boolean;
  readonly postures: Postures;
}

/**
 * What each policy decides with KubeArmor 1.7 (BPF-LSM) and here. Accesses are found by the automata of `karmor policy diff`; what they
 * have no word for is told by looking at the rule.
 */
export function compareWithKubeArmor(loaded: readonly LoadedPolicy[], { isSplitUsr, postures }: Assumed): Comparison {
  const all = loaded.map(({ policy }) => policy);
  const found = new Map<string, VerdictDifference[]>(loaded.map(({ policy }) => [policyRef(policy), staticFindings(policy)]));
  const unaccepted = new Set(
    [...found].flatMap(([ref, differences]) => (differences.some(({ reason }) => reason === 'not-accepted') ? [ref] : [])),
  );
  const incomplete: string[] = [];
  const accepted = all.filter((policy) => !unaccepted.has(policyRef(policy)));
  for (const workload of workloadClasses(accepted)) {
    const here = accepted.filter((policy) => selects(policy, workload));
    const told = diffOne(here, { ...workload, postures }, isSplitUsr);
    if (typeof told === 'string') incomplete.push(told);
    else if (!told.isComplete) incomplete.push('the rules of one workload are too many to look at every access');
    for (const { ref, ...difference } of typeof told === 'string' ? [] : told.found) note(found.get(ref), difference);
  }
  const policies = loaded.map((one) => {
    const ref = policyRef(one.policy);
    return { ref, place: one.place('metadata.name'), differences: found.get(ref) ?? [] };
  });
  return { policies, incomplete: [...new Set(incomplete)] };
}

/** One access of a rule and reason is enough to show it. */
function note(told: VerdictDifference[] | undefined, difference: VerdictDifference): void {
  const isKnown = told?.some(({ field, reason }) => field === difference.field && reason === difference.reason) === true;
  if (!isKnown) told?.push(difference);
}

type Found = VerdictDifference & { readonly ref: string };

interface Looked {
  readonly found: readonly Found[];
  readonly isComplete: boolean;
}

function diffOne(policies: readonly Policy[], workload: Workload, isSplitUsr: boolean): Looked | string {
  const view = asKubeArmor(policies);
  const resolve = isSplitUsr ? asWritten : new HintedRoot({ links: MERGED_USR, multicallBinaries: [] }).resolver;
  const difference = diffFor({ before: view.policies, after: policies }, workload, resolve, asWritten);
  if ('exceeded' in difference) return `the policies of one workload together are beyond ${difference.limit} ${difference.exceeded}`;
  const changes = difference.changes.toSorted((a, b) => Number(isOdd(a)) - Number(isOdd(b)));
  const found = changes.flatMap((change) => attribute(change, policies, view) ?? []);
  return { found, isComplete: difference.isComplete };
}

const isOdd = ({ witness }: Change): boolean => ODD_KINDS.includes(witness.kind);

/** Whose rule it is, and why it differs: the rule that decides here, else the one that decides there, else the posture's. */
function attribute(change: Change, policies: readonly Policy[], view: KubeArmorView): Found | undefined {
  const sides = [change.after.by, change.before.by];
  const rules = sides.flatMap((by) => (typeof by === 'object' ? [by] : []));
  const noted = rules.find((by) => view.notes.has(ruleKey({ ...by, name: by.policy }, by.field)));
  const rule = noted ?? rules[0];
  const actor = rules.some((by) => isAboutPrograms(by, policies)) ? ` by ${subjectText(change.witness.subject)}` : '';
  const about = {
    witness: `${accessText(change.witness)}${actor}`,
    before: WORDS[change.before.outcome],
    after: WORDS[change.after.outcome],
  };
  if (rule !== undefined) {
    const reason = view.notes.get(ruleKey({ ...rule, name: rule.policy }, rule.field)) ?? (isBelowLink(change) ? 'merged-usr' : 'order');
    const owned = reason === 'owner-allow-list' ? ' as its owner' : '';
    const ref = policyRef({ kind: rule.kind, namespace: rule.namespace, name: rule.policy });
    return { ref, field: rule.field, reason, ...about, witness: `${about.witness}${owned}` };
  }
  return ofPosture(about, policies, view);
}

/** Whether the rule is for some programs. */
function isAboutPrograms({ namespace, policy, field }: RuleInfo, policies: readonly Policy[]): boolean {
  const owner = policies.find((one) => one.name === policy && one.namespace === namespace);
  return owner?.rules.some((rule) => rule.field === field && rule.subjects.length > 0) === true;
}

/** Only postures decided: a rule was dropped or narrowed, or the posture itself is the policy's. */
function ofPosture(
  about: Omit<VerdictDifference, 'field' | 'reason'>,
  policies: readonly Policy[],
  view: KubeArmorView,
): Found | undefined {
  for (const policy of policies) {
    for (const field of ['spec.defaultPosture', ...policy.rules.map((rule) => rule.field)]) {
      const reason = view.notes.get(ruleKey(policy, field));
      if (reason !== undefined) return { ref: policyRef(policy), field, reason, ...about };
    }
  }
  return undefined;
}

/** The object, or who acts, is where a link of the root leads. */
function isBelowLink({ witness }: Change): boolean {
  const paths = ['object' in witness ? witness.object.path : '', typeof witness.subject === 'string' ? witness.subject : ''];
  return Object.values(MERGED_USR).some((target) => paths.some((one) => one === `/${target}` || one.startsWith(`/${target}/`)));
}
