// SPDX-License-Identifier: Apache-2.0
import { evaluate } from '#policy';
import type { Family, Policy, RuleSet } from '#policy';
import type { Essential } from './essentials.ts';
import { policyKey } from './policy-identity.ts';
import type { Guard } from './protector.ts';

/** On a host policy: whoever wrote it means it, whatever it stops. `karmor vm policy add --force` sets it. */
export const FORCE_ANNOTATION = 'kubearmor.io/force';

/**
 * Refuses host policies that would stop the node: an essential access is put to the very rules that would be in force. Policies
 * with the annotation `kubearmor.io/force: "true"` may.
 */
export function hostGuard(essentials: () => readonly Essential[]): Guard {
  return (workload, selected, ruleSet) => {
    if (workload.kind !== 'host' || selected.every(isForced)) return undefined;
    for (const essential of essentials()) {
      const why = refusal(essential, selected, ruleSet);
      if (why !== undefined) return why;
    }
    return undefined;
  };
}

function refusal({ program, what, access }: Essential, selected: readonly Policy[], ruleSet: RuleSet): string | undefined {
  const verdict = evaluate(ruleSet.image, access);
  if (verdict.outcome !== 'denied') return undefined;
  const rule = verdict.rule === undefined ? undefined : ruleSet.rules[verdict.rule];
  const culprits = selected.filter((policy) =>
    rule === undefined ? hasAllow(policy, familyOf(access.kind)) : policyKey(policy) === policyKey({ ...rule, name: rule.policy }),
  );
  if (culprits.some(isForced)) return undefined;
  const names = culprits.map(policyKey).join(', ');
  const by = rule === undefined ? `the default posture, through the Allow rules of ${names}` : `${names} ${rule.field}`;
  return `it would stop ${program}: ${what} is denied by ${by}; to put it in force all the same: --force, or the annotation ${FORCE_ANNOTATION}: "true"`;
}

function familyOf(kind: Essential['access']['kind']): Family {
  if (kind === 'socket') return 'network';
  if (kind === 'capability') return 'capabilities';
  return kind === 'exec' || kind === 'map-exec' ? 'process' : 'file';
}

const hasAllow = ({ rules }: Policy, family: Family): boolean => rules.some((rule) => rule.family === family && rule.action === 'Allow');

function isForced({ document }: Policy): boolean {
  const { metadata } = document as { metadata?: { annotations?: Readonly<Record<string, unknown>> } };
  const annotations = metadata?.annotations;
  return (
    annotations !== undefined &&
    annotations !== null &&
    Object.hasOwn(annotations, FORCE_ANNOTATION) &&
    annotations[FORCE_ANNOTATION] === 'true'
  );
}
