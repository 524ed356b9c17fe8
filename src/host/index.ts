// SPDX-License-Identifier: Apache-2.0
export { cgroupPathOfSpec, findCgroupRoot, openCgroup, readCgroupPath } from './cgroup.ts';
export type { Cgroup, CgroupRoot } from './cgroup.ts';
export { openBootClock } from './clock.ts';
export type { BootClock } from './clock.ts';
export { readHostFacts } from './facts.ts';
export type { HostFacts } from './facts.ts';
export { parseMountinfo, readMounts } from './mountinfo.ts';
export type { MountEntry } from './mountinfo.ts';
export { nodeLacks } from './node-lacks.ts';
export type { NodeLack } from './node-lacks.ts';
export { MULTICALL_BINARIES } from './multicall.ts';
export { missingCapabilities, readLimit, readProcess } from './process-facts.ts';
export type { HostCapability, ProcessFacts, ResourceLimit } from './process-facts.ts';
export { openContainerRoot, resolveInRoot } from './resolve-in-root.ts';
export type { ContainerRoot, DeclaredMount, OpenRootOptions, ResolvedPath } from './resolve-in-root.ts';
export { run } from './run.ts';
export type { RunOptions, RunResult } from './run.ts';
