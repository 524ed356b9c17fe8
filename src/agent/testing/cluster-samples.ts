// SPDX-License-Identifier: Apache-2.0
import type { TestContext } from 'node:test';
import { CORE, NODE_REPORTS, POLICY_KINDS } from '#cluster';
import type { NodeReport } from '#cluster';
import type { KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import type { PolicyKind } from '#policy';
import type { Container } from '#runtimes';
import { containerOf, FakeContainers, sandboxOf, startClusterAgent } from './cluster-agent.ts';
import type { ClusterAgent, ClusterAgentOptions, SamplePod } from './cluster-agent.ts';

/** The node of these samples. */
export const NODE = 'node-1';
export const BY = { fieldManager: 'test' };
export const WEB: SamplePod = { namespace: 'shop', pod: 'web-1', uid: 'uid-web', labels: { app: 'web' } };

interface Written {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: KubeObject['metadata']['ownerReferences'];
}
export const podObject = ({ namespace, pod, uid, labels = {} }: SamplePod, over: Written = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: pod, namespace, uid, labels: { ...labels }, ...(over as object) },
  spec: { nodeName: NODE },
});
export const namespaceObject = (name: string, annotations: Readonly<Record<string, string>> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, annotations },
});
export function policyObject(kind: PolicyKind, name: string, { namespace, spec }: { namespace?: string; spec: object }): KubeObject {
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return { apiVersion: 'security.kubearmor.com/v1', kind, metadata, spec };
}
export const block = (app: string, path = '/bin/sh'): object => ({
  selector: { matchLabels: { app } },
  process: { matchPaths: [{ path }] },
  action: 'Block',
});
export const ksp = (name: string, spec: object, namespace = 'shop'): KubeObject =>
  policyObject('KubeArmorPolicy', name, { namespace, spec });
export const KSP = POLICY_KINDS.KubeArmorPolicy;

/** A server with the node, its namespaces, and one pod. */
export function cluster(): FakeKubeApi {
  const api = new FakeKubeApi();
  api.seed(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE, uid: 'uid-node', labels: { zone: 'a' } } });
  for (const name of ['shop', 'bank', 'kubearmor']) api.seed(CORE.namespaces, namespaceObject(name));
  api.seed(CORE.pods, podObject(WEB));
  return api;
}

export async function startInCluster(
  t: TestContext,
  over: Partial<ClusterAgentOptions> = {},
): Promise<ClusterAgent & { readonly api: FakeKubeApi }> {
  const api = over.api instanceof FakeKubeApi ? over.api : cluster();
  const started = await startClusterAgent({ nodeName: NODE, ...over, api });
  t.after(() => started.end());
  return { ...started, api };
}

export function withWeb(): { readonly containers: FakeContainers; readonly web: Container } {
  const containers = new FakeContainers();
  const web = containerOf(WEB, 'nginx');
  containers.put(sandboxOf(WEB), web);
  return { containers, web };
}

export async function reportOf(api: FakeKubeApi): Promise<NodeReport | undefined> {
  return (await api.get(NODE_REPORTS, { name: NODE }))?.['status'] as NodeReport | undefined;
}
export const problemsOf = async (api: FakeKubeApi): Promise<string> =>
  ((await reportOf(api))?.problems ?? []).map(({ problem }) => problem).join('\n');
