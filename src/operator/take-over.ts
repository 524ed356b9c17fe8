// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { NAMES } from '#cluster';
import { KINDS, LEFTOVERS, mayTakeOver } from '#install';
import type { KubeApi, KubeObject } from '#k8s';

interface Parts {
  readonly api: KubeApi;
  readonly logger: Logger;
  readonly namespace: string;
  /** The KubeArmorConfig that is obeyed. */
  readonly config: KubeObject;
}

/**
 * Ends the enforcers of another installation, where that is allowed: first KubeArmor's mutating webhook and what else nothing replaces,
 * then its DaemonSets.
 *
 * @param found enforcers that are not ours
 * @returns those that stay, or are not gone yet
 */
export async function endOthers(
  found: readonly KubeObject[],
  { api, logger, namespace, config }: Parts,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  if (found.length === 0) return found;
  const operator = await api.get(KINDS.deployments, { name: NAMES.operator, namespace }, signal);
  const allowed = found.filter((one) => mayTakeOver(one, { namespace, operatorUid: operator?.metadata.uid, config }));
  // All or none: while one of them stays, ours would not be alone.
  if (allowed.length < found.length) return found;
  for (const { kind, name } of LEFTOVERS) await api.delete(kind, kind.namespaced ? { name, namespace } : { name }, { signal });
  for (const { metadata } of allowed) {
    if (metadata.deletionTimestamp !== undefined) continue;
    logger.warn('an enforcer of another installation is taken over: its DaemonSet is removed', { name: metadata.name });
    await api.delete(KINDS.daemonSets, { name: metadata.name, namespace }, { signal });
  }
  return allowed;
}
