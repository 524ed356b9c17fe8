// SPDX-License-Identifier: Apache-2.0
import { parsePolicyText } from '#policy';
import type { PathObject, Policy } from '#policy';
import { legacyVerdictOf } from './judge.ts';
import type { ConformanceCase, ExecStep, Step } from './format.ts';
import { isExec } from './stimulus.ts';

/** What cases expect that the product does otherwise on purpose: told by what they say, not by their names. */
export interface Deviation {
  /** What differs. */
  readonly construct: string;
  /** Where semantics.md says so. */
  readonly paragraph: string;
  readonly reason: string;
  readonly isIn: (step: ExecStep, policies: readonly Policy[]) => boolean;
  /** The step as the product's meaning has it. */
  readonly change: (step: ExecStep, policies: readonly Policy[]) => ExecStep;
}

const awaitsNetwork = ({ expected_events: events = [], access }: ExecStep, policies: readonly Policy[]): boolean =>
  isExec(access) && events.some(({ kind, PolicyName }) => kind === 'alert' && hasOnlyNetwork(policies, PolicyName));

const hasOnlyNetwork = (policies: readonly Policy[], name: unknown): boolean =>
  policies.some((policy) => policy.name === name && policy.rules.every(({ family }) => family === 'network'));

/** The part of a rule's object before its first meta character. */
function prefixOf(object: PathObject): string {
  if (object.kind === 'execname') return object.name;
  if (object.kind === 'path') return object.path;
  return object.kind === 'dir' ? object.dir : object.glob.replace(/[*?[{].*$/s, '');
}

/** Whether any rule might be about what a step does; rules of families without paths might. */
function isNamed({ access }: ExecStep, policies: readonly Policy[]): boolean {
  const object = access.object ?? access.actor ?? '';
  return policies.some(({ rules }) =>
    rules.some((rule) => (rule.family === 'process' || rule.family === 'file' ? object.includes(prefixOf(rule.object)) : true)),
  );
}

/** Whether the family of what a step does is an allow list. */
function isAllowList(step: ExecStep, policies: readonly Policy[]): boolean {
  const family = isExec(step.access) ? 'process' : 'file';
  return policies.some(({ rules }) => rules.some((rule) => rule.action === 'Allow' && rule.family === family));
}

/** A legacy scenario's policy was lost and another one of the same name stands there: it decides nothing of what is done. */
function isOfAnother(step: ExecStep, policies: readonly Policy[]): boolean {
  const areHosts = policies.length > 0 && policies.every(({ kind }) => kind === 'KubeArmorHostPolicy');
  if (!areHosts || isNamed(step, policies)) return false;
  const { verdict, alert } = legacyVerdictOf(step) ?? { verdict: null };
  const isPolicys = policies.some(({ name }) => name === alert?.['PolicyName']);
  return isPolicys || (verdict === 'allow' && isAllowList(step, policies) && (alert ?? null) === null);
}

function ofThisPolicy(step: ExecStep, policies: readonly Policy[]): ExecStep {
  const alert = isAllowList(step, policies) ? { PolicyName: 'DefaultPosture', Action: 'Audit', Result: 'Passed' } : null;
  return { ...step, expect_by_posture: { any: { verdict: 'allow', alert } } };
}

/** All of them: at most five. */
export const DEVIATIONS: readonly Deviation[] = [
  {
    construct: 'an alert of a tcp rule where no TCP socket is opened',
    paragraph: 'semantics.md, section 3, Network',
    reason: 'AF_UNIX is not tcp; the program connects by TCP instead',
    isIn: awaitsNetwork,
    change: (step) => ({ ...step, access: { ...step.access, op: 'tcp connect', object: '127.0.0.1:80' } }),
  },
  {
    construct: 'a verdict by a policy none of whose rules names what is done',
    paragraph: 'semantics.md, section 4, 2: none matches',
    reason: 'the access passes, under an allow list by the host’s posture, audit; the policy belongs to another scenario',
    isIn: isOfAnother,
    change: ofThisPolicy,
  },
];

/** A case as the product's meaning has it, and in what it deviates. */
export interface Meant {
  readonly test: ConformanceCase;
  readonly deviations: readonly Deviation[];
}

/** Reads a case as the product means it. */
export function meantBy(test: ConformanceCase): Meant {
  const policies = (test.policies ?? []).flatMap(({ yaml }) => parsePolicyText(yaml, 'policy').flatMap(({ policy }) => policy ?? []));
  const deviations = new Set<Deviation>();
  const steps = (test.steps ?? []).map((step): Step => {
    if (step.do !== 'exec') return step;
    const found = DEVIATIONS.find((deviation) => deviation.isIn(step, policies));
    if (found === undefined) return step;
    deviations.add(found);
    return found.change(step, policies);
  });
  return deviations.size === 0 ? { test, deviations: [] } : { test: { ...test, steps }, deviations: [...deviations] };
}
