// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';

export type RuntimeKind = 'containerd' | 'docker' | 'cri-o';
export interface RuntimeSocket {
  readonly kind: RuntimeKind;
  readonly path: string;
}

/**
 * Where runtimes listen, in the order in which they are looked for.
 *
 * containerd before Docker: Docker's containers are containerd's (namespace `moby`), under the same ids.
 *
 * @source each distribution's documentation (MicroK8s, K3s, k0s, containerd, Docker, CRI-O)
 */
export const RUNTIME_SOCKETS: readonly RuntimeSocket[] = [
  { kind: 'containerd', path: '/var/snap/microk8s/common/run/containerd.sock' },
  { kind: 'containerd', path: '/run/k0s/containerd.sock' },
  { kind: 'containerd', path: '/run/k3s/containerd/containerd.sock' },
  { kind: 'containerd', path: '/run/containerd/containerd.sock' },
  { kind: 'containerd', path: '/var/run/containerd/containerd.sock' },
  { kind: 'containerd', path: '/run/docker/containerd/containerd.sock' },
  { kind: 'docker', path: '/var/run/docker.sock' },
  { kind: 'docker', path: '/run/docker.sock' },
  { kind: 'cri-o', path: '/var/run/crio/crio.sock' },
  { kind: 'cri-o', path: '/run/crio/crio.sock' },
];

/**
 * The first socket that exists, or undefined. Whether anybody listens is not tried.
 *
 * @param root prefix of every path: for tests, and where the host's root is seen elsewhere
 */
export function findRuntimeSocket(root = ''): RuntimeSocket | undefined {
  const found = RUNTIME_SOCKETS.find(({ path }) => statSync(`${root}${path}`, { throwIfNoEntry: false })?.isSocket() === true);
  return found === undefined ? undefined : { ...found, path: `${root}${found.path}` };
}
