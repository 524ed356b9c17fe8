// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses between tries: each twice as long as the one before, from `firstMs` to `maxMs`. */
export interface Pauses {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after so many failures in a row: between half and all of the pause, so that many clients do not come at once.
 *
 * @param failures 1 or more
 */
export function pauseMs({ firstMs, maxMs }: Pauses, failures: number): number {
  const wholeMs = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return wholeMs * (0.5 + Math.random() / 2);
}

/** Waits; ends at once, without an error, when aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

/** @returns milliseconds that a Retry-After header asks for, at most a minute; undefined where it asks for nothing readable */
export function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,6}$/.test(header.trim())) return undefined;
  return Math.min(60, Number(header)) * 1000;
}
