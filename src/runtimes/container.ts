// SPDX-License-Identifier: Apache-2.0
import type { KubeArmorError } from '#base';
import type { Cgroup, DeclaredMount } from '#host';

/** Which pod a container belongs to, as the runtime's Kubernetes side recorded it. */
export interface PodIdentity {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  /** Empty for the sandbox. */
  readonly containerName: string;
  /** Id of the pod's sandbox (pause) container. */
  readonly sandboxId: string;
  readonly isSandbox: boolean;
}

/** A container as its runtime knows it. A new value is made for every change; values never change. */
export interface Container {
  /** `<runtime namespace>/<id>`: ids are unique only within a runtime's namespace. */
  readonly key: string;
  readonly id: string;
  /** The runtime's own namespace, for example `default`, `k8s.io`, `moby`; not a Kubernetes namespace. */
  readonly runtimeNamespace: string;
  /** What people call it: the container's name in its pod, the name given to it, else its id. */
  readonly name: string;
  /** As the runtime names it, like `docker.io/library/nginx:1.27`. */
  readonly image: string;
  /** Like `sha256:…`, where the runtime still knows the image. */
  readonly imageDigest: string | undefined;
  /** Labels of the container, among them those that its image brings along. For a sandbox: the pod's labels too. */
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: PodIdentity | undefined;
  /** Its annotation `kubearmor-policy`: of its specification, which whoever makes a container writes and no image can. */
  readonly policyAnnotation: string | undefined;
  /** When the runtime made it, with its root file system and before any process; nanoseconds of the wall clock. */
  readonly createdNs: bigint | undefined;
  /** `created`: none of its own code has run · `running` (also paused) · `stopped`: its first process has ended. */
  readonly status: 'created' | 'running' | 'stopped';
  /** First process, in our pid namespace. While `status` is `created` it is the runtime's, ready to become the container's. */
  readonly initPid: number | undefined;
  /** Where its cgroup is or will be, in the hierarchy; undefined where the specification leaves it open. */
  readonly cgroupPath: string | undefined;
  /** Its cgroup, from the moment it exists. */
  readonly cgroup: Cgroup | undefined;
  /** As its specification declares them, in order. */
  readonly mounts: readonly DeclaredMount[];
}

/** What happened to one container. */
export type ContainerEvent =
  /** It is known; no process, no cgroup yet. */
  | 'created'
  /** Its cgroup and first process exist; none of its own code has run. */
  | 'prepared'
  | 'started'
  /** Its first process ended. */
  | 'exited'
  /** Its processes and cgroup are gone; the container may be started again. */
  | 'released'
  | 'deleted'
  /** Its labels or image changed. */
  | 'updated';

export type ContainerChange =
  /**
   * Every container there is: comes first, and again after every gap. What is not in it is gone.
   * `gapMs`: for how long nothing was known; 0 the first time.
   */
  | { readonly kind: 'synced'; readonly containers: readonly Container[]; readonly gapMs: number }
  /** The runtime cannot be reached. Containers go on running: nothing may be concluded until the next `synced`. */
  | { readonly kind: 'lost'; readonly cause: KubeArmorError }
  | { readonly kind: ContainerEvent; readonly container: Container };

/** The port behind which every container runtime stands. */
export interface ContainerSource {
  /**
   * Every container now.
   *
   * @throws {KubeArmorError} `RUNTIME_UNREACHABLE`
   */
  list(signal?: AbortSignal): Promise<readonly Container[]>;
  /**
   * Follows the runtime until aborted; then it ends without an error. It never ends otherwise: it reconnects, with pauses that
   * grow to 5 seconds.
   */
  watch(signal: AbortSignal): AsyncIterable<ContainerChange>;
  /**
   * Asks whose a process is that is about to execute the first program of its cgroup. If it is a container's that has no process yet,
   * `watch` tells that the container is prepared, with this as its first process, before this resolves.
   *
   * @param cgroupPath of the process, within the hierarchy
   * @returns `away` where the runtime cannot be asked now
   */
  claim(cgroupPath: string, pid: number): Promise<'claimed' | 'unknown' | 'away'>;
}
