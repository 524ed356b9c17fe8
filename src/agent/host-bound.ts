// SPDX-License-Identifier: Apache-2.0
import { HOST_CGROUP_ID } from '#enforce';
import { hostWorkload } from '#workloads';
import type { BoundWorkload } from '#workloads';
import type { AgentConfig } from './config.ts';

/** Its key among workloads; a container's has a slash. */
export const HOST_KEY = 'host';

/**
 * The host as one more workload (docs/adr/0021-host.md). Links of its file system count for Allow rules as they stand when the agent
 * starts: they are the packages', and no tenant's.
 */
export function boundHost(hostName: string, config: Pick<AgentConfig, 'hostPostures' | 'nodeLabels'>, startedMs: number): BoundWorkload {
  return {
    key: HOST_KEY,
    workload: hostWorkload(hostName, config.nodeLabels, config.hostPostures),
    cgroupId: HOST_CGROUP_ID,
    cgroupPath: '/sys/fs/cgroup',
    initPid: 1,
    rootPath: '/proc/1/root',
    createdNs: BigInt(startedMs) * 1_000_000n,
    hadStarted: true,
    isSandbox: false,
    mounts: [],
  };
}
