// SPDX-License-Identifier: Apache-2.0
import { CONTROLLER_CLUSTER_RULES, CONTROLLER_NAMESPACE_RULES, NAMES, WEBHOOK_PATHS, webhookConfiguration } from '#cluster';
import type { AccessRule } from '#cluster';
import { METRICS } from '../src/controller/metrics.ts';
import { SETTINGS } from '../src/controller/settings.ts';
import type { FlagSetting } from '#base';

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;
const code = (text: string): string => (text === '' ? '' : `\`${text}\``);
const codes = (words: readonly string[]): string => words.map(code).join(', ');

/** What each rule is for, by its first resource. */
const PURPOSE: Readonly<Record<string, string>> = {
  kubearmorpolicies: 'what the status is of, and what nodes say',
  'kubearmorpolicies/status': 'writes the status',
  nodes: 'which nodes have no agent; labels for warnings about `nodeSelector`',
  pods: 'whether a new policy selects any pod: one list of at most one object',
  events: 'tells when another field manager writes a policy',
  validatingwebhookconfigurations: 'fills in `caBundle`',
  leases: 'agents that are alive; one replica leads',
  secrets: 'the webhooks’ certificates',
};

function accessRows(rules: readonly AccessRule[], where: string): string[][] {
  return rules.map(({ apiGroups, resources, verbs, resourceNames = [] }) => [
    where,
    codes(apiGroups.map((group) => group || '""')),
    codes(resources),
    codes(resourceNames),
    codes(verbs),
    PURPOSE[resources[0] ?? ''] ?? '',
  ]);
}

interface Webhook {
  readonly name: string;
  readonly failurePolicy: string;
  readonly clientConfig: { readonly service: { readonly path: string } };
  readonly rules: readonly { readonly resources: readonly string[]; readonly operations: readonly string[] }[];
}

/** docs/reference/controller.md. */
export function controllerPage(table: Table): string {
  const settings: readonly FlagSetting[] = Object.values(SETTINGS);
  const webhooks = webhookConfiguration(NAMES.namespace)['webhooks'] as readonly Webhook[];
  return `# The controller

\`kubearmor-controller\` writes the status of policies, answers the API server about policies and pods, and keeps its certificates. Run two
replicas: both answer, one leads and writes. The decisions are in [ADR 28](../adr/0028-controller.md).

## Settings

A flag (\`-flag=value\`) counts before its environment variable. Flags that KubeArmor's controller has are taken as written, or refused
with the reason.

${table(['flag', 'environment', 'default', 'values', 'meaning'], settings.map(({ flag, env, fallback, allowedText, meaning }) => [code(`-${flag}`), code(env), fallback === '' ? '(empty)' : code(fallback), allowedText, meaning]))}

## What it listens at

| port | what | who may |
| --- | --- | --- |
| 9443 (Service \`${NAMES.webhookService}\`, 443) | the webhooks, HTTPS | whoever reaches it; with \`-webhook-client-ca\` clients of those authorities alone |
| 8081 | \`/healthz\`, \`/readyz\` | the kubelet |
| none, or loopback | \`/metrics\` | the pod's own containers |

\`/readyz\` is 200 when everything of the cluster that it needs is known and a certificate is there.

## Webhooks

${table(['name', 'path', 'asked about', 'when', 'when it does not answer'], webhooks.map(({ name, failurePolicy, clientConfig, rules }) => [code(name), code(clientConfig.service.path), codes(rules.flatMap(({ resources }) => resources)), codes(rules[0]?.operations ?? []), code(failurePolicy)]))}

\`${WEBHOOK_PATHS.policies}\` refuses what \`karmor policy check\` calls an error, all of it at once, each with its field and its cure. It warns
of rules that no enforcer or no node of this cluster can enforce, of Allow rules under an audit posture, of rules that another policy
shadows or that match nothing, and of selectors that match no pod or node now. The answers to \`--dry-run=server\` are the same. A change of
metadata alone is not reviewed again. It answers within 4 s; what there was no time for, or too many rules, is said.

\`${WEBHOOK_PATHS.protection}\` is asked about namespaces with the label \`kubearmor.io/require-enforcement: "true"\` alone. It refuses to bind a pod to
a node whose agent has not said within a minute that its report holds, whose report says nothing of enforcement, or where a proof failed
(\`.status.proof.failed\` of its KubeArmorNode); pods that name such a node; and pods with \`kubearmor-policy: disabled\` or \`audited\`. While no replica answers, no such pod starts. The namespace of
the installation is never asked about.

## Status of a policy

| condition | True | False | Unknown |
| --- | --- | --- | --- |
| \`Accepted\` | it can be honoured | it cannot: the message has every problem; the last good generation stays in force | |
| \`Enforced\` | \`Enforced\`: each node with workloads of it saw it in force within the last minute; \`NoWorkloads\`: none has; \`LastGoodEnforced\`: an older generation is, see \`observedGeneration\` | \`Failed\`, \`Refused\`, \`RulesNotEnforced\` on a node, or \`Pending\`: a node has not taken it in or proven it yet | \`NodeSilent\`: a node that had workloads, or never took it in, is silent; \`NodeWithoutAgent\`; \`NoNodes\`; \`LoadedNotProven\`: a node has it loaded and no canary there can try any of its rules |
| \`Degraded\` | \`RulesNotEnforced\`: rules and reasons | no node says so | nodes are silent or not done |

\`lastTransitionTime\` changes with the condition's status alone. Numbers that change by themselves are written every 10 s at most.
When the specification is written by another field manager than before, there is an Event \`WrittenByAnother\` and a metric.

## Certificates

In the Secret \`${NAMES.webhookSecret}\`: \`ca.crt\` (all authorities that the API server is told of), \`tls.crt\`, \`tls.key\`, and during a
rotation \`next.crt\`, \`next.key\`. They live 90 days and are renewed when a third of that is left. The operator makes the Secret,
empty, and the controller fills it. Empty or delete it to have new ones (\`karmor rotate-tls\` does).
No authority's key is kept anywhere.

## What it may do

${table(['where', 'group', 'resources', 'names', 'verbs', 'what for'], [...accessRows(CONTROLLER_CLUSTER_RULES, 'cluster'), ...accessRows(CONTROLLER_NAMESPACE_RULES, 'its namespace')])}

## Metrics

${table(['name', 'type', 'labels', 'meaning'], Object.entries(METRICS).map(([name, { type, labels, help }]) => [code(name), type, codes(labels), help]))}
`;
}
