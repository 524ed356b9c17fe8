// SPDX-License-Identifier: Apache-2.0
import {
  AGENT_CLUSTER_RULES,
  AGENT_NAMESPACE_RULES,
  CONTROLLER_CLUSTER_RULES,
  CONTROLLER_NAMESPACE_RULES,
  NAMES,
  RELAY_NAMESPACE_RULES,
} from '#cluster';
import type { AccessRule } from '#cluster';
import type { Kind, KubeObject } from '#k8s';
import { KINDS } from './kinds.ts';
import { labelsOf, objectOf } from './object.ts';
import type { InstalledBy } from './object.ts';

/** A service account, and what it may do. */
export interface Account {
  readonly name: string;
  /** Of its ClusterRole; absent: it may do nothing outside its namespace. KubeArmor's names, so that its objects are taken over. */
  readonly clusterRole?: string;
  readonly clusterRules: readonly AccessRule[];
  readonly namespaceRules: readonly AccessRule[];
}

/** The programs that the operator installs. */
export const ACCOUNTS: readonly Account[] = [
  {
    name: NAMES.agent,
    clusterRole: 'kubearmor-clusterrole',
    clusterRules: AGENT_CLUSTER_RULES,
    namespaceRules: AGENT_NAMESPACE_RULES,
  },
  { name: NAMES.relay, clusterRules: [], namespaceRules: RELAY_NAMESPACE_RULES },
  {
    name: NAMES.controller,
    clusterRole: 'kubearmor-controller-clusterrole',
    clusterRules: CONTROLLER_CLUSTER_RULES,
    namespaceRules: CONTROLLER_NAMESPACE_RULES,
  },
];

const bindingName = (clusterRole: string): string => `${clusterRole}binding`;
/** Of the Role and RoleBinding in the installation's namespace. */
const roleName = (account: string): string => `${account}-role`;

/** An account with its roles and bindings. */
export function accountObjects(
  { name, clusterRole, clusterRules, namespaceRules }: Account,
  namespace: string,
  by: InstalledBy,
): KubeObject[] {
  const labels = labelsOf(by, name);
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const refTo = (kind: Kind, role: string): object => ({ apiGroup: kind.group, kind: kind.kind, name: role });
  const account = objectOf(KINDS.serviceAccounts, { name, namespace, labels }, {});
  const own = { name: roleName(name), namespace, labels };
  const objects = [
    account,
    objectOf(KINDS.roles, own, { rules: namespaceRules }),
    objectOf(KINDS.roleBindings, own, { subjects, roleRef: refTo(KINDS.roles, own.name) }),
  ];
  if (clusterRole === undefined) return objects;
  const roleRef = refTo(KINDS.clusterRoles, clusterRole);
  return [
    ...objects,
    objectOf(KINDS.clusterRoles, { name: clusterRole, labels }, { rules: clusterRules }),
    objectOf(KINDS.clusterRoleBindings, { name: bindingName(clusterRole), labels }, { subjects, roleRef }),
  ];
}

/** Names of the roles and bindings of these accounts, for who may write them. */
export const roleNames = (
  accounts: readonly Account[],
): { readonly cluster: readonly string[]; readonly namespace: readonly string[] } => ({
  cluster: accounts.flatMap(({ clusterRole }) => (clusterRole === undefined ? [] : [clusterRole, bindingName(clusterRole)])),
  namespace: accounts.map(({ name }) => roleName(name)),
});
