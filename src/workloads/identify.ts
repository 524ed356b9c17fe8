// SPDX-License-Identifier: Apache-2.0
import type { Postures, Workload } from '#policy';
import type { Container } from '#runtimes';
import type { PodFacts, WorkloadIdentity, WorkloadSettings } from './workload-change.ts';

/** Namespace of containers that no pod owns, as KubeArmor calls it. */
const CONTAINER_NAMESPACE = 'container_namespace';
const NAMESPACE_LABEL = 'kubearmor.io/namespace';
/** Labels that the runtime adds to a pod's own. */
const RUNTIME_LABEL = /^(io\.kubernetes|io\.cri-containerd|io\.containerd)\./;

/**
 * Names a container in the words of policies (semantics, “Which workloads”).
 *
 * @param sandbox the pod's sandbox, which carries the pod's labels; undefined where it is not known
 * @param podFacts see `WorkloadSettings`
 */
export function identify(container: Container, sandbox: Container | undefined, podFacts?: WorkloadSettings['podFacts']): WorkloadIdentity {
  const { pod } = container;
  const image = withDigest(container.image, container.imageDigest);
  if (pod === undefined) {
    const namespace = (podFacts === undefined && container.labels[NAMESPACE_LABEL]) || CONTAINER_NAMESPACE;
    const { runtimeNamespace, name, labels } = container;
    const { policyAnnotation } = container;
    return {
      runtimeNamespace,
      namespace,
      podName: name,
      containerName: name,
      image,
      labels,
      isSandbox: false,
      isPod: false,
      policyAnnotation,
    };
  }
  return {
    runtimeNamespace: container.runtimeNamespace,
    namespace: pod.namespace,
    podName: pod.podName,
    containerName: pod.containerName,
    image,
    isSandbox: pod.isSandbox,
    isPod: true,
    ...(podFacts?.(pod) ?? sandboxFacts(container, sandbox)),
  };
}

/** What the runtime knows of a pod: labels as they were when it was made. */
function sandboxFacts(container: Container, sandbox: Container | undefined): Pick<PodFacts, 'labels' | 'policyAnnotation'> {
  return {
    labels: Object.fromEntries(Object.entries(sandbox?.labels ?? {}).filter(([key]) => !RUNTIME_LABEL.test(key))),
    policyAnnotation: container.policyAnnotation ?? sandbox?.policyAnnotation,
  };
}

/** The workload that policies select and events name. */
export function describeWorkload(id: string, identity: WorkloadIdentity, settings: WorkloadSettings): Workload {
  const { namespace, podName, containerName, image, labels, owner } = identity;
  const visibility = settings.visibilityOf?.(identity);
  return {
    id,
    kind: 'container',
    namespace,
    podName,
    containerName,
    image,
    labels,
    mode: settings.modeOf?.(identity) ?? 'enabled',
    postures: settings.posturesOf(identity),
    ...(owner === undefined ? {} : { owner }),
    ...(visibility === undefined ? {} : { visibility }),
  };
}

/**
 * The host as a workload: every task outside containers.
 *
 * @param labels of the node; `kubernetes.io/hostname` and `kubearmor.io/hostname` are added where absent
 */
export function hostWorkload(hostname: string, labels: Readonly<Record<string, string>>, postures: Postures): Workload {
  return {
    id: 'host',
    kind: 'host',
    namespace: '',
    podName: '',
    containerName: '',
    image: '',
    labels: { 'kubernetes.io/hostname': hostname, 'kubearmor.io/hostname': hostname, ...labels },
    mode: 'enabled',
    postures,
  };
}

function withDigest(image: string, digest: string | undefined): string {
  return digest === undefined || image.includes('@') ? image : `${image}@${digest}`;
}
