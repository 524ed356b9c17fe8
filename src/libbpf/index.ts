// SPDX-License-Identifier: Apache-2.0
export { readBtf } from './btf.ts';
export type { BtfMember, BtfType, BtfVariable } from './btf.ts';
export { BpfLink } from './link.ts';
export { BpfMap, MAP_FLAGS, UPDATE_FLAGS } from './map.ts';
export type { MapInfo, MapSpec, MapType } from './map.ts';
export { MappedMemory, pageSize } from './memory.ts';
export type { MapOptions } from './memory.ts';
export { BpfObject } from './object.ts';
export type { OpenOptions } from './object.ts';
export { kernelHasBtf, kernelHasHook, probeLsm } from './probe.ts';
export type { LsmProbe } from './probe.ts';
export { BpfProgram, PinnedProgram } from './program.ts';
export type { TestResult, TestRun } from './program.ts';
export { ReadableWatch } from './readable.ts';
export { enterCgroupNamespace, isBpffs, mountBpffs, peerCredentials } from './system.ts';
export type { PeerCredentials } from './system.ts';
