// SPDX-License-Identifier: Apache-2.0
import { CONFIGS, NAMES, NODE_REPORTS } from '#cluster';
import type { AccessRule } from '#cluster';
import { ACCOUNTS, roleNames } from './access.ts';
import { definitions } from './definitions.ts';
import { LEFTOVERS } from './foreign.ts';
import { NETWORK_SECRETS } from './secrets.ts';
import { SHAPES, shapeOfSocket } from './shapes.ts';

const ROLES = roleNames(ACCOUNTS);
const leftovers = (...kinds: readonly string[]): string[] =>
  LEFTOVERS.flatMap(({ kind, name }) => (kinds.includes(kind.kind) ? [name] : []));
/** Of what has a fixed name, what keeping it takes: `create` cannot be bound to names. */
const KEEP = ['get', 'patch', 'delete'];

/**
 * All that the operator may do in the cluster. It holds what it grants besides, or the API server would not let it grant that (RBAC's
 * guard against escalation); it has neither `escalate` nor `bind`.
 */
export const OPERATOR_CLUSTER_RULES: readonly AccessRule[] = [
  // Upgrades the definitions. No `delete`: that would delete every policy.
  { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: ['create'] },
  {
    apiGroups: ['apiextensions.k8s.io'],
    resources: ['customresourcedefinitions'],
    verbs: ['get', 'patch'],
    resourceNames: definitions().map(({ metadata }) => metadata.name),
  },
  // Which nodes there are, and their labels.
  { apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch', 'patch'] },
  // What enforces on a node, for its label; they go with the installation.
  { apiGroups: [NODE_REPORTS.group], resources: [NODE_REPORTS.plural], verbs: ['list', 'watch', 'delete'] },
  // Whether another installation runs, wherever.
  { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['list', 'watch'] },
  // Whether what another installation left was left behind by a namespace that is gone; and its own.
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
  { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles', 'clusterrolebindings'], verbs: ['create'] },
  {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['clusterroles', 'clusterrolebindings'],
    verbs: KEEP,
    resourceNames: [...ROLES.cluster, ...leftovers('ClusterRole', 'ClusterRoleBinding')],
  },
  { apiGroups: ['admissionregistration.k8s.io'], resources: ['validatingwebhookconfigurations'], verbs: ['create'] },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['validatingwebhookconfigurations'],
    verbs: KEEP,
    resourceNames: [NAMES.validatingWebhook],
  },
  // KubeArmor's own, when its installation is taken over: nobody answers it any more.
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    verbs: ['delete'],
    resourceNames: [NAMES.mutatingWebhook],
  },
];

/** @param socket of the runtime, where the administrator named it: its DaemonSet has a name of its own */
export function operatorNamespaceRules(socket?: string): readonly AccessRule[] {
  const shapes = [...SHAPES, ...(socket === undefined ? [] : [shapeOfSocket(socket)])].flatMap(({ name }) => [name, `${name}-remove`]);
  const kept = (apiGroup: string, resource: string, names: readonly string[]): AccessRule[] => [
    { apiGroups: [apiGroup], resources: [resource], verbs: ['create'] },
    { apiGroups: [apiGroup], resources: [resource], verbs: KEEP, resourceNames: [...new Set(names)] },
  ];
  const accounts = ACCOUNTS.map(({ name }) => name);
  return [
    // What is wanted, and what came of it; it deletes one in its mode `-uninstall` alone.
    { apiGroups: [CONFIGS.group], resources: [CONFIGS.plural], verbs: ['list', 'watch', 'delete'] },
    { apiGroups: [CONFIGS.group], resources: [`${CONFIGS.plural}/status`], verbs: ['patch'] },
    ...kept('', 'serviceaccounts', [...accounts, ...leftovers('ServiceAccount')]),
    ...kept('rbac.authorization.k8s.io', 'roles', ROLES.namespace),
    ...kept('rbac.authorization.k8s.io', 'rolebindings', ROLES.namespace),
    ...kept('', 'configmaps', [NAMES.configMap]),
    ...kept('', 'services', [NAMES.relayService, NAMES.webhookService]),
    ...kept('', 'secrets', [...NETWORK_SECRETS, NAMES.webhookSecret]),
    // One that somebody deletes is made anew at once.
    { apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'], resourceNames: [...NETWORK_SECRETS, NAMES.webhookSecret] },
    ...kept('policy', 'poddisruptionbudgets', [NAMES.controller]),
    ...kept('apps', 'deployments', [NAMES.controller, NAMES.relay]),
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list', 'watch'] },
    // Itself: which DaemonSets its predecessor made.
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'], resourceNames: [NAMES.operator] },
    ...kept('apps', 'daemonsets', shapes),
    // Those of KubeArmor that it takes over: their names have a part that nobody knows before.
    { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['delete'] },
    // Leases of agents go with the installation; each bears its node's name.
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['delete'] },
  ];
}
