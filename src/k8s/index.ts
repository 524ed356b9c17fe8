// SPDX-License-Identifier: Apache-2.0
export type { ClusterAccess, Identity } from './access.ts';
export type { Kind, KubeApi, KubeObject, ObjectMeta, ObjectRef, OwnerReference, Selection, WatchChange, WriteOptions } from './api.ts';
export type { Pauses } from './backoff.ts';
export type { RunProgram } from './exec-plugin.ts';
export { findAccess } from './find-access.ts';
export type { FindAccessOptions } from './find-access.ts';
export { inClusterAccess } from './in-cluster.ts';
export { kubeconfigAccess, kubeconfigContexts, kubeconfigTextAccess } from './kubeconfig.ts';
export type { KubeconfigOptions } from './kubeconfig.ts';
export { lead } from './leader.ts';
export type { LeaderOptions } from './leader.ts';
export { LEASES, readLease, renewLease } from './lease.ts';
export type { LeaseOptions, LeaseRecord } from './lease.ts';
export type { PodLogOptions, PodStreams } from './pod-streams.ts';
export { openKubeApi } from './rest-api.ts';
export type { KubeApiOptions } from './rest-api.ts';
export { WorkQueue } from './work-queue.ts';
export type { WorkQueueOptions } from './work-queue.ts';
