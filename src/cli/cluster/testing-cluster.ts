// SPDX-License-Identifier: Apache-2.0
import { LABELS } from '#cluster';
import type { KubeObject, PodStreams } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import type { ClusterPort } from './cluster-port.ts';

/** No pod says anything. */
const NO_STREAMS: PodStreams = {
  forward: () => Promise.reject(new Error('no port-forward in this test')),
  logs: () => Promise.resolve(''),
};

/** A cluster in memory. */
export function fakeCluster(
  api: FakeKubeApi = new FakeKubeApi(),
  pods: PodStreams = NO_STREAMS,
): ClusterPort & { readonly api: FakeKubeApi } {
  return { api, pods, server: 'https://cluster.test', [Symbol.dispose]: () => {} };
}

/** A pod of ours that runs. */
export function ourPod(
  app: string,
  name: string,
  over: { readonly node?: string; readonly namespace?: string; readonly isReady?: boolean } = {},
): KubeObject {
  const { node = 'node1', namespace = 'kubearmor', isReady = true } = over;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { [LABELS.app]: app } },
    spec: { nodeName: node, containers: [{ name: app, image: `kubearmor/${app}:0.1.0` }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
  };
}

/** A pod of somebody. */
export function podOf(
  namespace: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  containers: readonly string[] = ['main'],
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { nodeName: 'node1', containers: containers.map((one) => ({ name: one, image: `${one}:1` })) },
    status: { phase: 'Running' },
  };
}

/** A Secret with these texts. */
export function secretOf(namespace: string, name: string, texts: Readonly<Record<string, string>>): KubeObject {
  const data = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data };
}

type Told = readonly [status: string, reason: string, message: string];

/** A KubeArmorPolicy that blocks a shell, enforced on one node unless conditions say otherwise. */
export function policyOf(
  namespace: string,
  name: string,
  matchLabels: Readonly<Record<string, string>>,
  conditions: Readonly<Record<string, Told>> = {},
): KubeObject {
  const told: Readonly<Record<string, Told>> = {
    Accepted: ['True', 'Accepted', 'it can be honoured'],
    Enforced: ['True', 'Enforced', 'seen in force on 1 node'],
    Degraded: ['False', 'WhollyEnforced', ''],
    ...conditions,
  };
  return {
    apiVersion: 'security.kubearmor.com/v1',
    kind: 'KubeArmorPolicy',
    metadata: { name, namespace, generation: 1, managedFields: [{ manager: 'kubectl', operation: 'Apply', time: '2026-11-22T11:00:00Z' }] },
    spec: { selector: { matchLabels }, process: { matchPaths: [{ path: '/bin/sh' }] }, action: 'Block' },
    status: {
      workloads: 1,
      nodes: 1,
      enforcedNodes: 1,
      conditions: Object.entries(told).map(([type, [status, reason, message]]) => ({
        type,
        status,
        reason,
        message,
        observedGeneration: 1,
        lastTransitionTime: '2026-11-22T11:00:01Z',
      })),
    },
  };
}
