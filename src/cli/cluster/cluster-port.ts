// SPDX-License-Identifier: Apache-2.0
import type { KubeApi, PodStreams } from '#k8s';

/** Which cluster the user named; nothing: the one that is found. */
export interface ClusterAsked {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** A cluster, as this user may use it. */
export interface ClusterPort extends Disposable {
  readonly api: KubeApi;
  readonly pods: PodStreams;
  /** The API server's address, for messages. */
  readonly server: string;
}

/** What there is to speak to, as far as it can be seen without asking anybody. */
export interface Surroundings {
  /** This process runs in a pod with a service account. */
  readonly isInPod: boolean;
  /** `KUBECONFIG` is set. */
  readonly hasKubeconfigVariable: boolean;
  /** The user's own kubeconfig, where it is there. */
  readonly homeKubeconfig?: string | undefined;
  /** An agent's socket is on this machine. */
  readonly hasAgentSocket: boolean;
}
