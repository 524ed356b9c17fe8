// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { held, readText } from './access.ts';
import type { ClusterAccess } from './access.ts';

/** @source Kubernetes, “Accessing the API from within a Pod” */
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Access as the pod's service account. Token and certificate authority are read again as the kubelet rotates them.
 *
 * @param env needs `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, which the kubelet sets
 * @param folder of the service account's files
 * @returns undefined where this is no pod, or its service account's token is not mounted
 */
export async function inClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  folder: string = FOLDER,
): Promise<ClusterAccess | undefined> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (host === undefined || port === undefined) return undefined;
  try {
    await readFile(join(folder, 'token'));
  } catch {
    return undefined;
  }
  const identify = held(async () => ({
    ca: await readText(join(folder, 'ca.crt')),
    token: (await readText(join(folder, 'token'))).trim(),
  }));
  const namespace = await readText(join(folder, 'namespace')).catch(() => undefined);
  return { server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`), namespace: namespace?.trim(), identify };
}
