// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { selects } from '#policy';
import type { Policy, PolicyKind, Workload } from '#policy';

/** Outside Kubernetes every container policy is in this namespace, whatever it says, as for KubeArmor. */
export const CONTAINER_NAMESPACE = 'container_namespace';

const PREFIX: { readonly [K in PolicyKind]: string } = {
  KubeArmorPolicy: 'ksp',
  KubeArmorHostPolicy: 'hsp',
  KubeArmorClusterPolicy: 'csp',
  KubeArmorNetworkPolicy: 'nsp',
};

/** What tells policies apart: kind, namespace, name. */
export interface PolicyId {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
}

/** One text for an identity, for maps and messages: `KubeArmorPolicy container_namespace/no-shell`. */
export function policyKey({ kind, namespace, name }: PolicyId): string {
  return namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** A policy as it counts on a node without Kubernetes. */
export function withoutKubernetes(policy: Policy): Policy {
  return policy.namespace === '' ? policy : { ...policy, namespace: CONTAINER_NAMESPACE };
}

/**
 * Whether a policy governs a container, or the host, on a node without Kubernetes: container policies count whatever namespace the container
 * says. A label may name one (`kubearmor.io/namespace`, for events and cluster policies), and an image can bring that label along.
 */
export function selectsHere(policy: Policy, workload: Workload): boolean {
  if (workload.kind === 'host') return policy.kind === 'KubeArmorHostPolicy' && selects(policy, workload);
  return selects(policy, policy.namespace === '' ? workload : { ...workload, namespace: CONTAINER_NAMESPACE });
}

/** Longest file name that every file system takes, with room for a temporary name's ending. */
const FILE_NAME_BYTES = 200;

/**
 * File name under which a policy that came by RPC is kept, different for different policies.
 *
 * A policy's name holds letters, digits, `-`, `.` and `_` only, so it is a file name; one too long is cut and told apart by a hash.
 */
export function backupFileName({ kind, name }: Pick<PolicyId, 'kind' | 'name'>): string {
  const whole = `${PREFIX[kind]}.${name}`;
  if (Buffer.byteLength(whole) <= FILE_NAME_BYTES) return `${whole}.yaml`;
  return `${whole.slice(0, 120)}~${createHash('sha256').update(whole).digest('hex')}.yaml`;
}
