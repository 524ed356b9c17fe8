// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Logger } from '#base';
import type { HostFacts } from '#host';
import { findAccess, openKubeApi } from '#k8s';
import manifest from '../../../package.json' with { type: 'json' };
import type { AgentConfig, KubeConfig } from '../config.ts';
import { CacheFile } from './cache.ts';
import type { ClusterParts } from './cluster-governor.ts';

interface OpenClusterOptions {
  readonly config: Pick<AgentConfig, 'stateDir'>;
  readonly facts: Pick<HostFacts, 'hostname' | 'lsms'>;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
}

/** The Node's name where nobody gives it, as the kubelet chooses it. */
export const nodeNameOf = ({ nodeName }: KubeConfig, { hostname }: Pick<HostFacts, 'hostname'>): string =>
  nodeName === '' ? hostname.toLowerCase() : nodeName;

/** Go's word for the architecture, which Kubernetes uses. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64' };

/**
 * Finds the API server. Nothing is asked of it yet.
 *
 * @throws {KubeArmorError} `CONFIG_INVALID`, `HOST_IO` where it cannot be known which one it is
 */
export async function openCluster(kube: KubeConfig, options: OpenClusterOptions): Promise<ClusterParts & Disposable> {
  const { config, facts, logger, stopping } = options;
  const nodeName = nodeNameOf(kube, facts);
  const access = await findAccess({ kubeconfig: kube.kubeconfig, env: kube.env });
  const api = openKubeApi({ access, userAgent: `kubearmor-agent/${manifest.version}` });
  return {
    api,
    nodeName,
    namespace: kube.namespace,
    initTimeoutMs: kube.initTimeoutMs,
    cache: new CacheFile(path.join(config.stateDir, 'cluster.json'), nodeName, logger),
    lsm: facts.lsms ?? [],
    stopping,
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    [Symbol.dispose]: () => api[Symbol.dispose](),
  };
}
