// SPDX-License-Identifier: Apache-2.0
import type { Notes } from './fields.ts';
import type { PathObject, Policy, Rule } from './model.ts';

const POSTURE_ANNOTATIONS = {
  process: 'kubearmor-file-posture',
  file: 'kubearmor-file-posture',
  network: 'kubearmor-network-posture',
  dns: 'kubearmor-network-posture',
  capabilities: 'kubearmor-capabilities-posture',
} as const;
type ListedFamily = keyof typeof POSTURE_ANNOTATIONS;

/** Warnings about a policy that is right in every part and may still not do what its author expects. */
export function hint(policy: Omit<Policy, 'document'>, notes: Notes): void {
  if (policy.rules.length === 0) {
    notes.warn('NO_RULES', 'spec', 'has no rules', 'add rules below process, file, network or capabilities');
  }
  hintNamespace(policy, notes);
  hintPosture(policy, notes);
  hintMergedUsr(policy.rules, notes);
}

/** Its definition is cluster scoped, as KubeArmor's, and the API server drops the namespace before anybody sees it. */
function hintNamespace({ kind, namespace, selector }: Omit<Policy, 'document'>, notes: Notes): void {
  if (kind !== 'KubeArmorNetworkPolicy' || namespace === '' || selector.target !== 'workload') return;
  notes.warn(
    'FIELD_WITHOUT_EFFECT',
    'metadata.namespace',
    'a cluster drops it, as this kind has no namespace there, and the policy reaches the pods of all namespaces',
    `add \`matchExpressions: [{key: namespace, operator: In, values: [${namespace}]}]\` to the selector`,
  );
}

function hintPosture(policy: Omit<Policy, 'document'>, notes: Notes): void {
  if (policy.defaultPosture === 'block') return;
  const families = Object.keys(POSTURE_ANNOTATIONS) as ListedFamily[];
  const listed = families.filter((family) => policy.rules.some((rule) => rule.family === family && rule.action === 'Allow'));
  if (listed.length === 0) return;
  const annotations = [...new Set(listed.map((family) => `${POSTURE_ANNOTATIONS[family]}: block`))].join(', ');
  const onNamespace =
    policy.selector.target === 'workload' ? ` or the namespace annotation ${annotations}` : ', or a host posture in the configuration';
  notes.warn(
    'ALLOW_WITHOUT_BLOCK',
    'spec',
    `Allow rules (${listed.join(', ')}) but the posture is audit unless set elsewhere: nothing outside the list is denied`,
    `set spec.defaultPosture: block${onNamespace}`,
  );
}

/** On images where /bin is a link to /usr/bin, rules on `/bin/x` and `/usr/bin/x` are about one program, so they had better agree. */
function hintMergedUsr(rules: readonly Rule[], notes: Notes): void {
  const merged = new Map<string, Rule>();
  for (const rule of rules) {
    const path = exactPath(rule);
    if (path?.startsWith('/usr/')) merged.set(`${rule.family} ${path}`, rule);
  }
  for (const rule of rules) {
    const path = exactPath(rule);
    if (path === undefined || !/^\/(bin|sbin|lib\w*)\//.test(path)) continue;
    const twin = merged.get(`${rule.family} /usr${path}`);
    if (twin === undefined || twin.action === rule.action || rule.subjects.length > 0 || twin.subjects.length > 0) continue;
    notes.warn(
      'MERGED_USR',
      rule.field,
      `${path} is /usr${path} on merged-/usr images, and ${twin.field} says ${twin.action} where this says ${rule.action}`,
      'give both the same action: one of the two names is enough, both are covered',
    );
  }
}

function exactPath(rule: Rule): string | undefined {
  const object: PathObject | undefined = rule.family === 'process' || rule.family === 'file' ? rule.object : undefined;
  return object?.kind === 'path' ? object.path : undefined;
}
