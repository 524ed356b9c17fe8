// SPDX-License-Identifier: Apache-2.0
import { ANNOTATIONS, listOf, policyRef, textOf } from '#cluster';
import type { KubeObject } from '#k8s';
import { ANY_WORKLOAD, nodeSelected, selects } from '#policy';
import type { Policy, Workload } from '#policy';

/** A pod, and the policies that select a container of it. */
export interface PodMatch {
  readonly namespace: string;
  readonly pod: string;
  /** Containers that are selected, of how many. */
  readonly containers: readonly string[];
  readonly containerCount: number;
  /** By `policyRef`, in order. */
  readonly policies: readonly string[];
  /** Its annotation says so: no policy counts. */
  readonly isDisabled: boolean;
}

/** A node, and the policies that mean it. */
export interface NodeMatch {
  readonly node: string;
  readonly policies: readonly string[];
}

/** Kinds of containers in a pod's specification. */
const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** The workloads of a pod, one a container, as agents see them. */
export function podWorkloads({ metadata, ...pod }: KubeObject): Workload[] {
  const mode = metadata.annotations?.[ANNOTATIONS.policy];
  return CONTAINER_LISTS.flatMap((list) => listOf(pod['spec'], list)).map((container) => ({
    ...ANY_WORKLOAD,
    id: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    podName: metadata.name,
    containerName: textOf(container, 'name') ?? '',
    image: textOf(container, 'image') ?? '',
    labels: metadata.labels ?? {},
    mode: mode === 'disabled' || mode === 'audited' ? mode : 'enabled',
  }));
}

/** Pods with what selects them; those that nothing selects are left out. Pods at their end do not count. */
export function matchPods(policies: readonly Policy[], pods: readonly KubeObject[]): PodMatch[] {
  return pods.flatMap((pod) => {
    const phase = textOf(pod['status'], 'phase');
    if (phase === 'Succeeded' || phase === 'Failed') return [];
    const workloads = podWorkloads(pod);
    const found = new Map(
      workloads.map((workload) => [workload, policies.filter((policy) => selects(policy, workload)).map(policyRef)] as const),
    );
    const selected = workloads.filter((workload) => (found.get(workload) ?? []).length > 0);
    if (selected.length === 0) return [];
    return [
      {
        namespace: pod.metadata.namespace ?? '',
        pod: pod.metadata.name,
        containers: selected.map(({ containerName }) => containerName),
        containerCount: workloads.length,
        policies: [...new Set([...found.values()].flat())].toSorted(),
        isDisabled: workloads.every(({ mode }) => mode === 'disabled'),
      },
    ];
  });
}

/** Nodes with the host policies that mean them. */
export function matchNodes(policies: readonly Policy[], nodes: readonly KubeObject[]): NodeMatch[] {
  return nodes.flatMap(({ metadata }) => {
    const facts = { name: metadata.name, labels: metadata.labels ?? {} };
    const found = policies.filter((policy) => nodeSelected(policy, facts)).map(policyRef);
    return found.length === 0 ? [] : [{ node: metadata.name, policies: found.toSorted() }];
  });
}
