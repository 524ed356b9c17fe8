// SPDX-License-Identifier: Apache-2.0
import { delimiter, join } from 'node:path';
import { KubeArmorError } from '#base';
import type { ClusterAccess } from './access.ts';
import { inClusterAccess } from './in-cluster.ts';
import { kubeconfigAccess } from './kubeconfig.ts';
import type { KubeconfigOptions } from './kubeconfig.ts';

export interface FindAccessOptions extends KubeconfigOptions {
  /** A kubeconfig that the user named: nothing else is looked for then. */
  readonly kubeconfig?: string | undefined;
  /** `KUBECONFIG`, `HOME`, and the variables that the kubelet sets; exec plugins get all of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the cluster: the kubeconfig that is named, else `KUBECONFIG`, else the pod's service account, else `~/.kube/config`.
 *
 * @throws {KubeArmorError} `CONFIG_INVALID` where a kubeconfig cannot be used or none of them is there
 */
export async function findAccess(options: FindAccessOptions): Promise<ClusterAccess> {
  const { env } = options;
  const named = options.kubeconfig ?? env['KUBECONFIG'] ?? '';
  if (named !== '') return kubeconfigAccess(options.kubeconfig === undefined ? named.split(delimiter) : [named], options);
  const inCluster = await inClusterAccess(env);
  if (inCluster !== undefined) return inCluster;
  const home = env['HOME'] ?? '';
  if (home === '') throw new KubeArmorError('CONFIG_INVALID', 'looking for a cluster: no KUBECONFIG, no service account, no HOME');
  return kubeconfigAccess([join(home, '.kube/config')], options);
}
