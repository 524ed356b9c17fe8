// SPDX-License-Identifier: Apache-2.0
import type { KubeApi, KubeObject } from '#k8s';

/** Lets a user do what these rules say, in the whole cluster and in the namespace `kubearmor`: roles and bindings of this name. */
export async function grant(
  api: KubeApi,
  { name, user }: { readonly name: string; readonly user: string },
  rules: { readonly cluster: readonly object[]; readonly namespace: readonly object[] },
): Promise<void> {
  const [group, version] = ['rbac.authorization.k8s.io', 'v1'];
  const apply = (kind: string, plural: string, fields: object): Promise<KubeObject> => {
    const namespaced = !kind.startsWith('Cluster');
    const metadata = { name, ...(namespaced ? { namespace: 'kubearmor' } : {}) };
    const object: KubeObject = { apiVersion: `${group}/${version}`, kind, metadata, ...fields };
    return api.apply({ group, version, kind, plural, namespaced }, object, { fieldManager: 'test' });
  };
  const to = (kind: string): object => ({
    roleRef: { apiGroup: group, kind, name },
    subjects: [{ kind: 'User', name: user, apiGroup: group }],
  });
  await apply('ClusterRole', 'clusterroles', { rules: rules.cluster });
  await apply('ClusterRoleBinding', 'clusterrolebindings', to('ClusterRole'));
  await apply('Role', 'roles', { rules: rules.namespace });
  await apply('RoleBinding', 'rolebindings', to('Role'));
}
