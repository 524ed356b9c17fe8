// SPDX-License-Identifier: Apache-2.0
import type { Kind } from '#k8s';
import type { PolicyKind } from '#policy';

const SECURITY = { group: 'security.kubearmor.com', version: 'v1' } as const;

/** The policies, by their kind. */
export const POLICY_KINDS: { readonly [K in PolicyKind]: Kind & { readonly short: string } } = {
  KubeArmorPolicy: { ...SECURITY, kind: 'KubeArmorPolicy', plural: 'kubearmorpolicies', namespaced: true, short: 'ksp' },
  KubeArmorClusterPolicy: {
    ...SECURITY,
    kind: 'KubeArmorClusterPolicy',
    plural: 'kubearmorclusterpolicies',
    namespaced: false,
    short: 'csp',
  },
  KubeArmorHostPolicy: { ...SECURITY, kind: 'KubeArmorHostPolicy', plural: 'kubearmorhostpolicies', namespaced: false, short: 'hsp' },
  KubeArmorNetworkPolicy: {
    ...SECURITY,
    kind: 'KubeArmorNetworkPolicy',
    plural: 'kubearmornetworkpolicies',
    namespaced: false,
    short: 'nsp',
  },
};

/** What a node's agent says of its node and of the policies there (ADR 23). */
export const NODE_REPORTS: Kind & { readonly short: string } = {
  ...SECURITY,
  kind: 'KubeArmorNode',
  plural: 'kubearmornodes',
  namespaced: false,
  short: 'kan',
};

export const CONFIGS: Kind = {
  group: 'operator.kubearmor.com',
  version: 'v1',
  kind: 'KubeArmorConfig',
  plural: 'kubearmorconfigs',
  namespaced: true,
};

/** Kinds of Kubernetes' own that we read. */
export const CORE = {
  pods: { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true },
  nodes: { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false },
  namespaces: { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
  configMaps: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  secrets: { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
  events: { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true },
  leases: { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true },
} as const satisfies Record<string, Kind>;
