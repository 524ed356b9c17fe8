// SPDX-License-Identifier: Apache-2.0
import { stat } from 'node:fs/promises';
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
  if (home === '') throw notFound('no KUBECONFIG, no service account, no HOME');
  const path = join(home, '.kube/config');
  if (!(await isThere(path))) throw notFound(`there is no kubeconfig (${path})`);
  return kubeconfigAccess([path], options);
}

const notFound = (why: string): KubeArmorError =>
  new KubeArmorError('CONFIG_INVALID', `looking for a cluster: ${why}`, { hint: 'give --kubeconfig, or set KUBECONFIG' });

/** What is there and cannot be read is told when it is read. */
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'ENOENT'),
  );
