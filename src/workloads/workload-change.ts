// SPDX-License-Identifier: Apache-2.0
import type { KubeArmorError } from '#base';
import type { Postures, Workload, WorkloadMode, WorkloadOwner } from '#policy';
import type { Container, PodIdentity } from '#runtimes';

/** A container that exists in the kernel: whom rules and events are about. A new value for every change. */
export interface BoundWorkload {
  /** Unique on this host, also where two containers of different runtime namespaces have the same id. Key maps by this. */
  readonly key: string;
  readonly workload: Workload;
  /** What the kernel calls its cgroup (version 2's, else that of version 1's `pids`). */
  readonly cgroupId: bigint;
  /** Absolute directory of the cgroup. */
  readonly cgroupPath: string;
  /** Its first process, in our pid namespace. */
  readonly initPid: number;
  /** Its root file system, `/proc/<initPid>/root`; gone when that process is. */
  readonly rootPath: string;
  /** When it was made, in nanoseconds of the wall clock: files that changed later may be its own work. Undefined: not known. */
  readonly createdNs: bigint | undefined;
  /** Whether its own code was running when it was bound: then its files may already be what it made of them. */
  readonly hadStarted: boolean;
  /** A pod's sandbox (pause) container. */
  readonly isSandbox: boolean;
  /** Absent: a container of no pod. */
  readonly pod?: PodIdentity | undefined;
  /** As its specification declares them. */
  readonly mounts: Container['mounts'];
}

/** A container that is known and has no process yet: time to compile its rules. */
export interface ExpectedWorkload {
  readonly key: string;
  readonly workload: Workload;
  /** Path in the cgroup hierarchy, like `/default/web`; undefined where the specification leaves it open. */
  readonly cgroupPath: string | undefined;
}

/** A container's way: expected, bound, (changed …,) unbound, expected again if it can be started again, forgotten. */
export type WorkloadChange =
  | { readonly kind: 'expected'; readonly now: ExpectedWorkload }
  /** The container was deleted: nothing is expected of it any more. Always after `unbound`. */
  | { readonly kind: 'forgotten'; readonly key: string }
  | { readonly kind: 'bound'; readonly now: BoundWorkload }
  | { readonly kind: 'changed'; readonly now: BoundWorkload; readonly before: BoundWorkload }
  | { readonly kind: 'unbound'; readonly before: BoundWorkload }
  /** The runtime is away: everything stays bound, new containers are not seen. */
  | { readonly kind: 'lost'; readonly cause: KubeArmorError }
  /** Everything there is has been told. `gapMs`: for how long nothing was seen; 0 at the start. */
  | { readonly kind: 'synced'; readonly gapMs: number };

/** What modes and postures are decided by. */
export interface WorkloadIdentity {
  readonly runtimeNamespace: string;
  readonly namespace: string;
  readonly podName: string;
  readonly containerName: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly isSandbox: boolean;
  /** Whether the namespace is Kubernetes' own word, and not a label that an image can bring along. */
  readonly isPod: boolean;
  /** `kubearmor-policy`, as who made the container annotated it; undefined where nobody did. */
  readonly policyAnnotation: string | undefined;
  /** `kubearmor-visibility` of the pod; absent where there is none, and where the pod's object is not known. */
  readonly visibilityAnnotation?: string | undefined;
  readonly owner?: WorkloadOwner | undefined;
}

/** What a cluster says of a pod, beside what its runtime knows. */
export interface PodFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly policyAnnotation: string | undefined;
  readonly visibilityAnnotation: string | undefined;
  readonly owner: WorkloadOwner | undefined;
}

export interface WorkloadSettings {
  readonly posturesOf: (identity: WorkloadIdentity) => Postures;
  /** Default: `enabled` for every container. Not to be read from labels: an image can bring them along. */
  readonly modeOf?: (identity: WorkloadIdentity) => WorkloadMode;
  /** Default: as the node is configured. */
  readonly visibilityOf?: (identity: WorkloadIdentity) => ReadonlySet<string> | undefined;
  /**
   * Where the node is one of a cluster: what the cluster says of a pod, undefined while that is not known; then the sandbox's labels count,
   * which are the pod's as it was made. A namespace is then a pod's alone, never what a label says.
   */
  readonly podFacts?: (pod: PodIdentity) => PodFacts | undefined;
}
