// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATIONS, fieldOf, listOf, textOf, textsOf } from '#cluster';
import type { KubeObject, WatchChange } from '#k8s';
import type { WorkloadOwner } from '#policy';
import type { PodIdentity } from '#runtimes';
import type { PodFacts } from '#workloads';
import { readMode, readVisibility } from './annotations.ts';
import { takeIn } from './table.ts';
import type { Table } from './table.ts';

/** A pod of this node, as the API server has it. */
export interface KnownPod {
  readonly namespace: string;
  readonly name: string;
  /** As the runtime has it: for a pod of a file on the node the file's, and not its mirror's. */
  readonly runtimeUid: string;
  readonly facts: PodFacts;
  /** Annotations that mean nothing. */
  readonly problems: readonly string[];
}

/** @source Kubernetes, pkg/kubelet/types: ConfigMirrorAnnotationKey; its value is the UID that the kubelet gives the pod of the file */
const MIRROR = 'kubernetes.io/config.mirror';
/** Pods that are deleted and whose containers may still run. */
const GONE_MAX = 1_024;

/** The pods of this node. A container's pod is found by its UID, and only under the namespace and name that its runtime says. */
export class Pods {
  readonly #pods: Table<KnownPod> = new Map();
  readonly #byIdentity = new Map<string, KnownPod>();
  readonly #gone = new Map<string, KnownPod>();

  /** @returns the pods that are no longer as they were, as the runtime knows them */
  take(change: WatchChange): ReadonlySet<string> {
    const uids = new Set<string>();
    for (const [key, before] of takeIn(this.#pods, change, readPod)) {
      const now = this.#pods.get(key);
      if (before !== undefined && before.runtimeUid !== now?.runtimeUid) this.#forget(before);
      if (now !== undefined) this.#byIdentity.set(identityOf(now), now);
      if (before !== undefined) uids.add(before.runtimeUid);
      if (now !== undefined) uids.add(now.runtimeUid);
    }
    return uids;
  }

  /** Pods that were known before this agent. */
  load(pods: readonly KnownPod[]): void {
    for (const pod of pods) {
      this.#pods.set(`${pod.namespace}/${pod.name}`, pod);
      this.#byIdentity.set(identityOf(pod), pod);
    }
  }

  /** Also of a pod that is deleted, while its containers may still run. */
  factsOf({ namespace, podName, podUid }: PodIdentity): PodFacts | undefined {
    const identity = identityOf({ namespace, name: podName, runtimeUid: podUid });
    return (this.#byIdentity.get(identity) ?? this.#gone.get(identity))?.facts;
  }

  list(): readonly KnownPod[] {
    return [...this.#pods.values()];
  }

  #forget(pod: KnownPod): void {
    const identity = identityOf(pod);
    this.#byIdentity.delete(identity);
    this.#gone.set(identity, pod);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= GONE_MAX) break;
      this.#gone.delete(oldest);
    }
  }
}

/** Whoever makes a pod may write any annotation, but its namespace and name are what the runtime says. */
const identityOf = ({ namespace, name, runtimeUid }: Pick<KnownPod, 'namespace' | 'name' | 'runtimeUid'>): string =>
  `${namespace}/${name}/${runtimeUid}`;

function readPod(object: KubeObject, before: KnownPod | undefined): KnownPod {
  const { name, namespace = '' } = object.metadata;
  const labels = textsOf(object.metadata.labels);
  const annotations = textsOf(object.metadata.annotations);
  const at = `pod ${namespace}/${name}`;
  const now = {
    namespace,
    name,
    runtimeUid: textOf(annotations, MIRROR) ?? textOf(object.metadata, 'uid') ?? '',
    facts: {
      labels,
      policyAnnotation: textOf(annotations, ANNOTATIONS.policy),
      visibilityAnnotation: textOf(annotations, ANNOTATIONS.visibility),
      owner: ownerOf(object, labels),
    },
    problems: [readMode(annotations), readVisibility(annotations)].flatMap((read) => ('problem' in read ? [`${at}: ${read.problem}`] : [])),
  };
  // a pod's status changes often, and nothing of it counts here
  return before !== undefined && isDeepStrictEqual(now, before) ? before : now;
}

/**
 * The top-level controller, as far as the pod itself tells: a Deployment calls its ReplicaSets by its own name and the hash that its pods
 * carry. Whose a Job is the pod does not tell.
 *
 * @source Kubernetes, pkg/controller/deployment/sync.go (getNewReplicaSet)
 */
function ownerOf({ metadata }: KubeObject, labels: Readonly<Record<string, string>>): WorkloadOwner {
  const namespace = metadata.namespace ?? '';
  const controller = listOf(metadata, 'ownerReferences').find((reference) => fieldOf(reference, 'controller') === true);
  const [kind, name] = [textOf(controller, 'kind'), textOf(controller, 'name')];
  if (kind === undefined || name === undefined) return { kind: 'Pod', name: metadata.name, namespace };
  const suffix = `-${textOf(labels, 'pod-template-hash') ?? ''}`;
  const isOfDeployment =
    kind === 'ReplicaSet' && textOf(controller, 'apiVersion') === 'apps/v1' && suffix !== '-' && name.endsWith(suffix) && name !== suffix;
  return isOfDeployment ? { kind: 'Deployment', name: name.slice(0, -suffix.length), namespace } : { kind, name, namespace };
}
