// SPDX-License-Identifier: Apache-2.0
export { StringInterner, viewedBytes } from './intern.ts';
export type { ViewedBytes } from './intern.ts';
export { LossMeter, sumPerCpu } from './loss.ts';
export { RingReader } from './ring-reader.ts';
export type { OnRecord } from './ring-reader.ts';
export { watchRing } from './watch-ring.ts';
export type { WatchOptions } from './watch-ring.ts';
