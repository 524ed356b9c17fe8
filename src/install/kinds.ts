// SPDX-License-Identifier: Apache-2.0
import { CONFIGS, CORE, WEBHOOK_CONFIGURATIONS } from '#cluster';
import type { Kind, KubeObject } from '#k8s';

const apps = (kind: string, plural: string): Kind => ({ group: 'apps', version: 'v1', kind, plural, namespaced: true });
const access = (kind: string, plural: string, namespaced: boolean): Kind => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind,
  plural,
  namespaced,
});
const core = (kind: string, plural: string): Kind => ({ group: '', version: 'v1', kind, plural, namespaced: true });

/** Every kind that an installation has objects of. */
export const KINDS = {
  definitions: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    namespaced: false,
  },
  namespaces: CORE.namespaces,
  serviceAccounts: core('ServiceAccount', 'serviceaccounts'),
  clusterRoles: access('ClusterRole', 'clusterroles', false),
  clusterRoleBindings: access('ClusterRoleBinding', 'clusterrolebindings', false),
  roles: access('Role', 'roles', true),
  roleBindings: access('RoleBinding', 'rolebindings', true),
  configMaps: CORE.configMaps,
  services: core('Service', 'services'),
  disruptionBudgets: { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', namespaced: true },
  deployments: apps('Deployment', 'deployments'),
  daemonSets: apps('DaemonSet', 'daemonsets'),
  webhooks: WEBHOOK_CONFIGURATIONS,
  configs: CONFIGS,
} as const satisfies Record<string, Kind>;

const BY_NAME: ReadonlyMap<string, Kind> = new Map(
  Object.values(KINDS).map((kind: Kind) => [`${kind.group === '' ? '' : `${kind.group}/`}${kind.version} ${kind.kind}`, kind]),
);

/** The kind of an object of the table. @throws {TypeError} for another: a bug */
export function kindOf({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind {
  const found = BY_NAME.get(`${apiVersion} ${kind}`);
  if (found === undefined) throw new TypeError(`an installation has no ${apiVersion} ${kind}`);
  return found;
}
