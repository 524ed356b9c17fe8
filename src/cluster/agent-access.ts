// SPDX-License-Identifier: Apache-2.0
import type { AccessRule } from './controller-access.ts';
import { NODE_REPORTS, POLICY_KINDS } from './kinds.ts';
import { NAMES } from './names.ts';

const POLICIES = Object.values(POLICY_KINDS).map(({ plural }) => plural);

/** All that an agent may do in the cluster: docs/reference/agent-pod.md says what for. */
export const AGENT_CLUSTER_RULES: readonly AccessRule[] = [
  { apiGroups: [''], resources: ['pods', 'namespaces', 'nodes'], verbs: ['list', 'watch'] },
  { apiGroups: [NODE_REPORTS.group], resources: POLICIES, verbs: ['list', 'watch'] },
  { apiGroups: [NODE_REPORTS.group], resources: [NODE_REPORTS.plural], verbs: ['get', 'create'] },
  { apiGroups: [NODE_REPORTS.group], resources: [`${NODE_REPORTS.plural}/status`], verbs: ['patch'] },
];

/** All that it may do in its own namespace besides. */
export const AGENT_NAMESPACE_RULES: readonly AccessRule[] = [
  { apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'], resourceNames: [NAMES.configMap] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'patch'] },
];

/** All that the relay may do, in its own namespace: agents' pods are where it reads. */
export const RELAY_NAMESPACE_RULES: readonly AccessRule[] = [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }];
