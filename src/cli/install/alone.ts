// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { LABELS, NAMES } from '#cluster';
import { isOtherEnforcer, KINDS } from '#install';
import type { KubeApi } from '#k8s';

/**
 * A cluster has one installation: roles and webhooks are of the whole cluster, and rules of its nodes.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` where there is one in another namespace, ours or KubeArmor's own
 */
export async function assertAlone(api: KubeApi, namespace: string, signal: AbortSignal): Promise<void> {
  const operators = await api.list(KINDS.deployments, { labelSelector: `${LABELS.app}=${NAMES.operator}` }, signal);
  const enforcers = (await api.list(KINDS.daemonSets, {}, signal)).filter((one) => isOtherEnforcer(one, namespace));
  const other = [...operators, ...enforcers].find(({ metadata }) => metadata.namespace !== namespace);
  if (other === undefined) return;
  const there = other.metadata.namespace ?? '';
  throw new KubeArmorError(
    'NOT_SUPPORTED',
    `installing into ${namespace}: KubeArmor is in ${there} already (${other.kind} ${other.metadata.name}), and a cluster has one`,
    { hint: `change that one: \`karmor upgrade -n ${there}\`; or take it out first: \`karmor uninstall -n ${there}\`, or what brought it` },
  );
}
