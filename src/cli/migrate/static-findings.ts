// SPDX-License-Identifier: Apache-2.0
import { fieldOf, listOf, textOf } from '#cluster';
import { compileIssues } from '#policy';
import type { FileRule, NetworkRule, Policy, ProcessRule, Rule } from '#policy';
import type { MigrationReason } from './reasons.ts';

/** A difference that shows in the rule itself; its access is one that the evaluator has no word for. */
export interface StaticFinding {
  readonly field: string;
  readonly reason: MigrationReason;
  /** An access that shows it, in words. */
  readonly witness: string;
  readonly before: string;
  readonly after: string;
}

/** Outcome of a deciding rule, in the words of `karmor policy diff`. */
const OUTCOMES = { Allow: 'allowed', Block: 'denied', Audit: 'audited' } as const;
const LOCAL: Readonly<Partial<Record<NetworkRule['protocol'], string>>> = {
  tcp: 'connect to an AF_UNIX stream socket',
  udp: 'send to an AF_UNIX datagram socket',
  raw: 'open a netlink socket',
};
const UNTRACKED = ['kube-system', 'kubearmor'];

/** What differs for one policy whatever stands beside it. */
export function staticFindings(policy: Policy): StaticFinding[] {
  const refusal = refusedByKubeArmor(policy);
  if (refusal !== undefined) {
    const witness = `create it: ${refusal}`;
    return [
      { field: refusal.split(':')[0] ?? 'spec', reason: 'not-accepted', witness, before: 'refused', after: 'taken' },
      ...notEnforced(policy),
    ];
  }
  return [...policy.rules.flatMap((rule) => ruleFindings(rule, policy)), ...ofNamespace(policy), ...notEnforced(policy)];
}

function ruleFindings(rule: Rule, { rules }: Policy): StaticFinding[] {
  if (rule.family === 'network') return ofSockets(rule);
  if (rule.family === 'file') return ofReadOnly(rule);
  return rule.family === 'process' ? [...ofSource(rule), ...ofNames(rule, rules)] : [];
}

function ofSockets({ field, protocol, action }: NetworkRule): StaticFinding[] {
  const witness = LOCAL[protocol];
  if (witness === undefined || action === 'Audit') return [];
  const isAllow = action === 'Allow';
  const before = OUTCOMES[action];
  return [{ field, reason: 'local-sockets', witness, before, after: isAllow ? 'as the posture says' : 'allowed' }];
}

function ofReadOnly({ field, action, readOnly, object }: FileRule): StaticFinding[] {
  if (action !== 'Allow' || !readOnly) return [];
  const path = object.kind === 'path' ? object.path : object.kind === 'dir' ? `a file in ${object.dir}` : 'a file that it names';
  return [{ field, reason: 'read-only-changes', witness: `unlink ${path}`, before: 'allowed', after: 'as the posture says' }];
}

function ofSource({ field, action, subjects, object }: ProcessRule): StaticFinding[] {
  const [subject] = subjects;
  if (action === 'Audit' || subject?.kind !== 'path' || object.kind !== 'path') return [];
  const witness = `a child of ${subject.path} that runs another program first, which runs ${object.path} by execve`;
  const other = action === 'Block' ? 'allowed' : 'as the posture says';
  return [{ field, reason: 'process-source', witness, before: OUTCOMES[action], after: other }];
}

/** Block by name beside an Allow of such a path, in one policy; in two the evaluator's order tells it. */
function ofNames({ field, action, object, subjects }: ProcessRule, rules: readonly Rule[]): StaticFinding[] {
  if (action !== 'Block' || object.kind !== 'execname' || subjects.length > 0) return [];
  return rules.flatMap((rule): StaticFinding[] => {
    if (rule.family !== 'process' || rule.action !== 'Allow' || rule.object.kind !== 'path') return [];
    if (!rule.object.path.endsWith(`/${object.name}`)) return [];
    return [{ field, reason: 'execname-order', witness: `run ${rule.object.path}`, before: 'allowed', after: 'denied' }];
  });
}

function ofNamespace({ namespace, rules }: Policy): StaticFinding[] {
  if (!UNTRACKED.includes(namespace) || rules.length === 0) return [];
  return [
    { field: 'metadata.namespace', reason: 'untracked-namespaces', witness: 'every access', before: 'allowed', after: 'as the rules say' },
  ];
}

function notEnforced(policy: Policy): StaticFinding[] {
  return compileIssues(policy)
    .filter(({ code }) => code === 'NOT_ENFORCEABLE')
    .map(({ at, problem }) => ({ field: at, reason: 'not-enforced', witness: problem, before: 'as the rule says', after: 'allowed' }));
}

/** Forms that KubeArmor's schema refuses and people write all the same; `FIELD: why`. */
function refusedByKubeArmor({ kind, document }: Policy): string | undefined {
  const spec = fieldOf(document, 'spec');
  const action = textOf(spec, 'action');
  if (action !== undefined && !Object.hasOwn(OUTCOMES, action)) return `spec.action: ${action} is not Allow, Audit or Block`;
  for (const family of ['process', 'file']) {
    const dirs = listOf(fieldOf(spec, family), 'matchDirectories').map((entry) => textOf(entry, 'dir') ?? '/');
    const bare = dirs.findIndex((dir) => !dir.endsWith('/'));
    if (bare >= 0) return `spec.${family}.matchDirectories[${bare}].dir: ${dirs[bare]} does not end in /`;
  }
  const expressions = listOf(fieldOf(spec, 'selector'), 'matchExpressions');
  const other = expressions.findIndex(
    (one) => !['In', 'NotIn'].includes(textOf(one, 'operator') ?? 'In') || !['label', 'namespace'].includes(textOf(one, 'key') ?? 'label'),
  );
  if (other >= 0) return `spec.selector.matchExpressions[${other}]: only the keys label and namespace with In and NotIn are known`;
  const upper = listOf(fieldOf(spec, 'capabilities'), 'matchCapabilities').findIndex((one) =>
    /[A-Z]/.test(textOf(one, 'capability') ?? ''),
  );
  if (upper >= 0) return `spec.capabilities.matchCapabilities[${upper}].capability: capital letters`;
  return kind === 'KubeArmorNetworkPolicy' && fieldOf(spec, 'selector') !== undefined
    ? 'spec.selector: this kind has a nodeSelector'
    : undefined;
}
