// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** What takes longer hangs: a guest on a busy machine is very slow. */
const HANG_MS = 180_000;

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end; what it wrote to stdout and stderr, and 128 where a signal ended it, or it did not start: then why. */
export const run = (command: string, ...args: readonly string[]): Promise<Ran> => runFor(HANG_MS, command, ...args);

/** The same, of what may take longer. */
export function runFor(timeoutMs: number, command: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128;
      const notStarted = typeof error?.code === 'string' ? error.code : '';
      resolve({ code, output: `${stdout}${stderr}${notStarted}` });
    });
  });
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = HANG_MS): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await sleep(50);
  }
}

/** @throws when the promise hangs */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(HANG_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not in time: ${what}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

export const isRefused = (ran: Ran): boolean => ran.code !== 0 && /permission denied|EACCES/i.test(ran.output);
