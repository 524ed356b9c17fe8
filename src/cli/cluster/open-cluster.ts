// SPDX-License-Identifier: Apache-2.0
import { stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { VERSION } from '#base';
import { run } from '#host';
import { findAccess, kubeconfigContexts, openKubeApi } from '#k8s';
import type { ClusterAsked, ClusterPort, Surroundings } from './cluster-port.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A person waits: an API server that does not answer is told soon. */
const TRIES = 3;
const TIMEOUT_MS = 15_000;
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** @throws {KubeArmorError} as `findAccess`; calls throw as `KubeApi` */
export async function openCluster({ kubeconfig, context }: ClusterAsked, env: Environment): Promise<ClusterPort> {
  const access = await findAccess({ kubeconfig, context, env, run });
  const api = openKubeApi({ access, userAgent: `karmor/${VERSION}`, tries: TRIES, timeoutMs: TIMEOUT_MS });
  return { api, pods: api.pods, server: access.server.origin, [Symbol.dispose]: () => api[Symbol.dispose]() };
}

/** Contexts of the kubeconfig that is named, or found. @throws {KubeArmorError} where it cannot be read */
export async function contextNames(kubeconfig: string | undefined, env: Environment): Promise<readonly string[]> {
  const named = kubeconfig === undefined ? (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '') : [kubeconfig];
  return await kubeconfigContexts(named.length > 0 ? named : [join(env['HOME'] ?? '/', '.kube/config')]);
}

/** @param agentSocket where an agent of this machine listens */
export async function lookAround(env: Environment, agentSocket: string): Promise<Surroundings> {
  const home = join(env['HOME'] ?? '/', '.kube/config');
  const [hasToken, hasHome, hasAgentSocket] = await Promise.all([SERVICE_ACCOUNT_TOKEN, home, agentSocket].map(isThere));
  return {
    isInPod: hasToken === true && (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '',
    hasKubeconfigVariable: (env['KUBECONFIG'] ?? '') !== '',
    homeKubeconfig: hasHome === true ? home : undefined,
    hasAgentSocket: hasAgentSocket === true,
  };
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
