// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { readTextIfAny } from './read-text.ts';

/** Turns the kernel's boot time (CLOCK_BOOTTIME, what events carry) into wall-clock time. */
export interface BootClock {
  /** Nanoseconds since boot, now. */
  nowBootNs(): bigint;
  /** Milliseconds since 1970 of a boot time, with fraction. */
  toWallMs(bootNs: bigint): number;
}

/** Below this, what uptime and the monotonic clock differ by is the 10 ms step of /proc/uptime, not time spent asleep. */
const SUSPEND_MIN_NS = 20_000_000n;
/** How long one reading of the wall clock serves: bounds the error after somebody sets the clock. */
const REFRESH_NS = 1_000_000_000n;

/**
 * Opens the clock.
 *
 * Precision: Node reads CLOCK_MONOTONIC in nanoseconds, and CLOCK_BOOTTIME is that plus the time the machine slept. On a machine
 * that never slept the result is exact but for the millisecond of `Date.now`; after a sleep it is within 10 ms, the step of
 * /proc/uptime. After somebody sets the wall clock, times are off for up to a second.
 *
 * @throws {KubeArmorError} `HOST_IO` when /proc/uptime cannot be read
 * @source clock_gettime(2); proc_uptime(5)
 */
export function openBootClock(): BootClock {
  let asleepNs = readAsleepNs();
  let takenNs = process.hrtime.bigint();
  let wallMs = Date.now();
  const refresh = (): bigint => {
    const now = process.hrtime.bigint();
    if (now - takenNs < REFRESH_NS) return now;
    asleepNs = readAsleepNs();
    wallMs = Date.now();
    takenNs = process.hrtime.bigint();
    return takenNs;
  };
  return {
    nowBootNs: () => refresh() + asleepNs,
    toWallMs(bootNs) {
      refresh();
      return wallMs + Number(bootNs - asleepNs - takenNs) / 1e6;
    },
  };
}

function readAsleepNs(): bigint {
  const seconds = /^(\d+)\.(\d\d)/.exec(readTextIfAny('/proc/uptime') ?? '');
  if (seconds === null) throw new KubeArmorError('HOST_IO', 'reading /proc/uptime: not a number of seconds');
  const uptimeNs = BigInt(`${seconds[1]}${seconds[2]}`) * 10_000_000n;
  const asleepNs = uptimeNs - process.hrtime.bigint();
  return asleepNs < SUSPEND_MIN_NS ? 0n : asleepNs;
}
