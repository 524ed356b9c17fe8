// SPDX-License-Identifier: Apache-2.0
import { NODE_REPORTS, POLICY_KINDS } from './kinds.ts';
import { NAMES } from './names.ts';

/** A rule of a Role or ClusterRole. */
export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** The Lease by which one replica of the controller leads. */
export const CONTROLLER_LEASE = 'kubearmor-controller';

const POLICIES = Object.values(POLICY_KINDS).map(({ plural }) => plural);
const { group: SECURITY } = NODE_REPORTS;

/** All that the controller may do in the cluster: docs/reference/controller.md says what for. */
export const CONTROLLER_CLUSTER_RULES: readonly AccessRule[] = [
  { apiGroups: [SECURITY], resources: [...POLICIES, NODE_REPORTS.plural], verbs: ['list', 'watch'] },
  { apiGroups: [SECURITY], resources: POLICIES.map((plural) => `${plural}/status`), verbs: ['patch'] },
  { apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['validatingwebhookconfigurations'],
    verbs: ['list', 'watch', 'patch'],
    resourceNames: [NAMES.validatingWebhook],
  },
];

/** All that it may do in its own namespace besides. */
export const CONTROLLER_NAMESPACE_RULES: readonly AccessRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list', 'watch', 'create'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'update'], resourceNames: [CONTROLLER_LEASE] },
  {
    apiGroups: [''],
    resources: ['secrets'],
    // Never `create`: a Secret of the type service-account-token is filled by the API server with anybody's token.
    verbs: ['list', 'watch', 'update'],
    resourceNames: [NAMES.webhookSecret],
  },
];
