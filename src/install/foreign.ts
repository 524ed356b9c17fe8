// SPDX-License-Identifier: Apache-2.0
import { ANNOTATIONS, LABELS, NAMES } from '#cluster';
import type { Kind, KubeObject } from '#k8s';
import { isMap } from '#policy';
import { KINDS } from './kinds.ts';

/** Whether this object was put there by the operator. */
export const isOurs = ({ metadata }: KubeObject): boolean => metadata.labels?.[LABELS.installedBy] === NAMES.operator;

const mapAt = (value: unknown, ...path: readonly string[]): Readonly<Record<string, unknown>> => {
  let at: unknown = value;
  for (const field of path) at = isMap(at) && Object.hasOwn(at, field) ? at[field] : undefined;
  return isMap(at) ? at : {};
};

/**
 * A DaemonSet that brings an enforcer to nodes and is not of the installation in this namespace: KubeArmor's own, however it was installed,
 * and one of ours elsewhere.
 *
 * @param namespace undefined: ours is none, wherever it is
 */
export function isOtherEnforcer(daemonSet: KubeObject, namespace: string | undefined): boolean {
  if (isOurs(daemonSet) && (namespace === undefined || daemonSet.metadata.namespace === namespace)) return false;
  return mapAt(daemonSet, 'spec', 'template', 'metadata', 'labels')[LABELS.app] === NAMES.agent;
}

export interface TakeOver {
  readonly namespace: string;
  /** Of the operator's own Deployment, where it is known. */
  readonly operatorUid: string | undefined;
  /** The KubeArmorConfig that is obeyed. */
  readonly config: KubeObject;
}

/**
 * Whether this other enforcer may be ended: it was made by this very Deployment when another version ran in it, or the administrator said
 * so on the KubeArmorConfig. In another namespace the operator may not.
 */
export function mayTakeOver({ metadata }: KubeObject, { namespace, operatorUid, config }: TakeOver): boolean {
  if (metadata.namespace !== namespace) return false;
  const isPredecessors = operatorUid !== undefined && (metadata.ownerReferences ?? []).some(({ uid }) => uid === operatorUid);
  return isPredecessors || config.metadata.annotations?.[ANNOTATIONS.takeOver] === 'true';
}

/** An object by its name alone. */
export interface Leftover {
  readonly kind: Kind;
  readonly name: string;
}

const MUTATING: Kind = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
};

/**
 * Objects of KubeArmor 1.7 that nothing of ours replaces, gone with its enforcers. Its other objects bear the names of ours.
 *
 * @source reference: KubeArmor's Kubernetes part, section 10
 */
export const LEFTOVERS: readonly Leftover[] = [
  { kind: MUTATING, name: NAMES.mutatingWebhook },
  { kind: KINDS.clusterRoles, name: 'kubearmor-relay-clusterrole' },
  { kind: KINDS.clusterRoleBindings, name: 'kubearmor-relay-clusterrolebinding' },
  { kind: KINDS.clusterRoles, name: 'kubearmor-snitch' },
  { kind: KINDS.clusterRoleBindings, name: 'kubearmor-snitch-binding' },
  { kind: KINDS.serviceAccounts, name: 'kubearmor-snitch' },
];
