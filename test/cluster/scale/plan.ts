// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '#k8s';
import { block, policyObject } from '../../../src/agent/testing/cluster-samples.ts';
import type { SamplePod } from '../../../src/agent/testing/cluster-agent.ts';

/** How big the simulated cluster is. */
export interface Size {
  readonly nodes: number;
  readonly policies: number;
  readonly pods: number;
}

export const WHOLE: Size = { nodes: 100, policies: 1_000, pods: 3_000 };
/** Policies of one namespace. */
const PER_NAMESPACE = 10;

export interface PlannedPod extends Omit<SamplePod, 'uid'> {
  readonly node: string;
}

/** A node as an agent's process needs it: its pods have uids by then. */
export interface PlannedNode {
  readonly name: string;
  readonly pods: readonly SamplePod[];
}

const namespaceOf = (policy: number): string => `team-${Math.floor(policy / PER_NAMESPACE)}`;
const appOf = (policy: number): string => `app-${policy % PER_NAMESPACE}`;

export const nodeNames = ({ nodes }: Size): string[] => Array.from({ length: nodes }, (_, i) => `node-${i}`);
export const namespaceNames = ({ policies }: Size): string[] => [
  ...new Set(Array.from({ length: policies }, (_, policy) => namespaceOf(policy))),
];

/** Each policy has as many pods as the others, on nodes that are next to each other. */
export function plannedPods({ nodes, policies, pods }: Size): PlannedPod[] {
  return Array.from({ length: pods }, (_, pod) => {
    const policy = pod % policies;
    const round = Math.floor(pod / policies);
    const labels = { app: appOf(policy) };
    return { namespace: namespaceOf(policy), pod: `${appOf(policy)}-${round}`, labels, node: `node-${(policy + round) % nodes}` };
  });
}

export function podObject({ namespace, pod, labels = {}, node }: PlannedPod): KubeObject {
  const spec = { nodeName: node, containers: [{ name: 'main', image: 'busybox' }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: pod, namespace, labels }, spec };
}

/** With ten rules of two families, as policies of users have. */
export function plannedPolicy(policy: number): KubeObject {
  const paths = (folder: string): object => ({
    matchPaths: Array.from({ length: 5 }, (_, i) => ({ path: `${folder}/forbidden-${policy}-${i}` })),
  });
  const spec = { ...block(appOf(policy)), process: paths('/usr/bin'), file: paths('/etc') };
  return policyObject('KubeArmorPolicy', `policy-${policy}`, { namespace: namespaceOf(policy), spec });
}
