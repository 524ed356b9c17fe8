// SPDX-License-Identifier: Apache-2.0
import { compile, parsePolicyText } from '#policy';
import type { RuleSet } from '#policy';
import { SETTINGS } from '../../src/agent/settings.ts';
import type { ConformanceCase, EventFields, Step } from './format.ts';
import { describePlace, HOST } from './workloads.ts';

/** Thrown where a case needs what the product does not have; the message is the families' names. */
export class Missing extends Error {}

/** Families by the compiler's own: what it reports as not enforced. */
const FAMILY_NAMES: Readonly<Record<string, string>> = { firewall: 'nftables', preset: 'presets' };
/** Constructs of rules whose family exists otherwise, by the word in the compiler's reason. */
const CONSTRUCTS: Readonly<Record<string, string>> = { pts: 'pts', allowedArgs: 'args' };

/** The families that a rule set cannot do, as the compiler reports them. */
export function notEnforcedFamilies({ notEnforced }: RuleSet): string[] {
  return notEnforced.map(({ rule, reason }) => {
    const construct = CONSTRUCTS[/^`(\w+)`/.exec(reason)?.[1] ?? ''];
    return construct ?? FAMILY_NAMES[rule.family] ?? rule.family;
  });
}

const isSettingMissing = (key: string): boolean => SETTINGS.find((setting) => setting.key === key)?.notHere !== undefined;

const SYSCALL_RULE = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: { name: probe, namespace: default }
spec: { selector: {}, syscalls: { matchSyscalls: [{ syscall: [unlink] }] }, action: Audit }`;

/** Whether the product makes alerts of system calls: asked of the compiler. */
function seesSyscalls(): boolean {
  const postures = { file: 'audit', network: 'audit', capabilities: 'audit' } as const;
  const policies = parsePolicyText(SYSCALL_RULE, 'probe').flatMap(({ policy }) => policy ?? []);
  const set = compile(policies, describePlace('probe', { pod: HOST, container: '' }, 'k8s', postures));
  return !('exceeded' in set) && set.notEnforced.length === 0;
}

const isTrue = (value: unknown): boolean => String(value) === 'true';

/** The alerts that a case waits for. */
const due = (step: Step): EventFields[] => {
  if (step.do === 'exec') return [...(step.expected_events ?? [])];
  return step.do === 'expect_event' && step.found ? [{ ...step.match, ...step.implied_by_watch }] : [];
};

function missingOfStep(step: Step): string[] {
  const found: string[] = [];
  // pods are data here: what a cluster says of them only a cluster can say
  if (step.do === 'list_pods' || step.do === 'assert_pods') found.push('kubernetes');
  if (step.do === 'probe') found.push('probe');
  if (step.do === 'set_global_config' && isTrue(step.changes['AlertThrottling']) && isSettingMissing('maxAlertPerSec'))
    found.push('throttling');
  if (due(step).some(({ Operation }) => /Syscall/.test(String(Operation))) && !seesSyscalls()) found.push('syscalls');
  return found;
}

/** What a case's steps need and the product does not have, by family; its rules are asked of when they are applied. */
export function missingOf({ steps = [], status = '' }: ConformanceCase): string[] {
  const found = steps.flatMap(missingOfStep);
  if (status.startsWith('disabled')) found.push('disabled by its authors');
  return [...new Set(found)];
}
