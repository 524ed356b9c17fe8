// SPDX-License-Identifier: Apache-2.0
import { COUNTER } from './event-layout.gen.ts';

/** A ring, with what repetitions of its records are counted in. */
export interface Stream {
  readonly ring: string;
  readonly folds: string;
  readonly repeatsLost: number;
  /** Records in one go: a flood of telemetry leaves room for alerts and requests between two. */
  readonly batch: number;
}

/** What the kernel tells: alerts, and telemetry. */
export const STREAMS: readonly Stream[] = [
  { ring: 'alerts', folds: 'folds', repeatsLost: COUNTER.REPEATS_LOST, batch: 2048 },
  { ring: 'logs', folds: 'log_folds', repeatsLost: COUNTER.LOG_REPEATS_LOST, batch: 128 },
];
