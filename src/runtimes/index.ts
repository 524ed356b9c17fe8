// SPDX-License-Identifier: Apache-2.0
export type { Container, ContainerChange, ContainerEvent, ContainerSource, PodIdentity } from './container.ts';
export { containerdVersion, openContainerd } from './containerd.ts';
export type { ContainerdOptions } from './containerd.ts';
export { findRuntimeSocket, RUNTIME_SOCKETS } from './sockets.ts';
export type { RuntimeKind, RuntimeSocket } from './sockets.ts';
