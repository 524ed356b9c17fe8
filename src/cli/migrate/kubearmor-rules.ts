// SPDX-License-Identifier: Apache-2.0
import type { FileRule, PathObject, Policy, ProcessRule, Rule } from '#policy';
import type { MigrationReason } from './reasons.ts';

/** A set of policies in our words that decides as KubeArmor's BPF-LSM enforcer does with the given one. */
export interface KubeArmorView {
  readonly policies: readonly Policy[];
  /** Rules that are not as written, by {@link ruleKey}. */
  readonly notes: ReadonlyMap<string, MigrationReason>;
}

/** A rule among all rules of a set. */
export const ruleKey = (policy: { readonly kind: string; readonly namespace: string; readonly name: string }, field: string): string =>
  `${policy.kind} ${policy.namespace} ${policy.name} ${field}`;

/** Bytes of a path that are compared, and in which directories are looked for. @source src/cli/migrate/reasons.ts, `long-paths` */
const PATH_BYTES = 199;
const DIRECTORY_BYTES = 64;

interface Change {
  readonly rules: readonly Rule[];
  readonly reason: MigrationReason;
}

/** What becomes of one rule; undefined where it is as written. The first that applies counts. */
type Rewrite = (rule: Rule, policy: Policy, all: readonly Rule[]) => Change | undefined;

const DECIDES = (rule: Rule): boolean => rule.action !== 'Audit';
const isPathRule = (rule: Rule): rule is ProcessRule | FileRule => rule.family === 'process' || rule.family === 'file';
const dropped = (reason: MigrationReason): Change => ({ rules: [], reason });

const REWRITES: readonly Rewrite[] = [
  (rule, policy) => (rule.family === 'capabilities' && policy.kind === 'KubeArmorHostPolicy' ? dropped('host-capabilities') : undefined),
  (rule) => {
    if (!isPathRule(rule) || rule.object.kind !== 'glob' || !DECIDES(rule)) return undefined;
    return dropped(rule.field.includes('matchPatterns') ? 'patterns' : 'globs-in-paths');
  },
  (rule) => {
    if (rule.family !== 'process' || rule.object.kind !== 'execname' || !DECIDES(rule)) return undefined;
    if (rule.subjects.length > 0) return dropped('execname-conditions');
    if (rule.allowedArgs === undefined || rule.action !== 'Block') return undefined;
    return { rules: [{ ...rule, allowedArgs: undefined }], reason: 'execname-conditions' };
  },
  (rule) => {
    if (rule.family !== 'process' || rule.allowedArgs === undefined || rule.action !== 'Allow') return undefined;
    return { rules: [{ ...rule, allowedArgs: undefined }], reason: 'allowed-args' };
  },
  (rule) => (isPathRule(rule) && DECIDES(rule) && isTooLong(rule.object) ? dropped('long-paths') : undefined),
  (rule, _policy, all) => (isPathRule(rule) && DECIDES(rule) && isNested(rule, all) ? dropped('nested-directories') : undefined),
  (rule) => {
    if (rule.family !== 'network' || (rule.port === undefined && rule.cidr === undefined && rule.direction === undefined)) return undefined;
    const { port: _port, endPort: _endPort, cidr: _cidr, direction: _direction, ...whole } = rule;
    return { rules: [whole], reason: 'network-fields' };
  },
  (rule, _policy, all) => {
    if (rule.family !== 'file' || rule.action !== 'Block' || !rule.readOnly || rule.ownerOnly || !hasAllow(all, 'file')) return undefined;
    return { rules: [rule, { ...rule, action: 'Allow' }], reason: 'read-only-allow-list' };
  },
  (rule, _policy, all) => {
    if (!isPathRule(rule) || rule.action !== 'Block' || !rule.ownerOnly || !hasAllow(all, rule.family)) return undefined;
    const allowed: Rule = rule.family === 'file' ? { ...rule, action: 'Allow', readOnly: false } : { ...rule, action: 'Allow' };
    return { rules: [rule, allowed], reason: 'owner-allow-list' };
  },
];

/**
 * @param policies those of one workload: some rules mean something else beside others
 */
export function asKubeArmor(policies: readonly Policy[]): KubeArmorView {
  const notes = new Map<string, MigrationReason>();
  const all = policies.flatMap(({ rules }) => rules);
  const views = policies.map((policy): Policy => {
    const rules = policy.rules.flatMap((rule) => {
      for (const rewrite of REWRITES) {
        const change = rewrite(rule, policy, all);
        if (change === undefined) continue;
        notes.set(ruleKey(policy, rule.field), change.reason);
        return change.rules;
      }
      return [rule];
    });
    if (policy.defaultPosture !== undefined) notes.set(ruleKey(policy, 'spec.defaultPosture'), 'posture-field');
    return { ...policy, rules, defaultPosture: undefined };
  });
  return { policies: views, notes };
}

const hasAllow = (all: readonly Rule[], family: Rule['family']): boolean =>
  all.some((rule) => rule.family === family && rule.action === 'Allow');

function isTooLong(object: PathObject): boolean {
  if (object.kind === 'path') return Buffer.byteLength(object.path) > PATH_BYTES;
  return object.kind === 'dir' && Buffer.byteLength(object.dir) + 1 > DIRECTORY_BYTES;
}

/** Below a recursive directory of the same family, for the same programs. */
function isNested({ family, object, subjects }: ProcessRule | FileRule, all: readonly Rule[]): boolean {
  if (object.kind !== 'dir' || object.recursive) return false;
  return all.some((other) => {
    if (!isPathRule(other) || other.family !== family || other.object.kind !== 'dir' || !other.object.recursive) return false;
    const parent = other.object.dir === '/' ? '/' : `${other.object.dir}/`;
    return object.dir !== other.object.dir && object.dir.startsWith(parent) && JSON.stringify(other.subjects) === JSON.stringify(subjects);
  });
}
