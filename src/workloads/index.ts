// SPDX-License-Identifier: Apache-2.0
export { describeWorkload, hostWorkload } from './identify.ts';
export { Workloads } from './workloads.ts';
export type { WorkloadListener } from './workloads.ts';
export type { BoundWorkload, ExpectedWorkload, PodFacts, WorkloadChange, WorkloadIdentity, WorkloadSettings } from './workload-change.ts';
