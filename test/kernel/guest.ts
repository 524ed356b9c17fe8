// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Whether this machine's own kernel takes LSM programs. */
export const enforcesHere = (): boolean => spawnSync(join(ROOT, 'tools/lsm-probe'), { stdio: 'ignore' }).status === 0;

interface GuestOptions {
  /** Of a guest. */
  readonly seconds: number;
  /** What is written below it reaches this machine. */
  readonly writable?: string;
}

/**
 * Runs a program of the tree on a kernel.
 *
 * @param kernel `local` for this machine's own; every other is booted as a guest by tools/vm
 * @param command a `.ts` file and its arguments
 */
export function onKernel(kernel: string, command: readonly string[], options: GuestOptions): { status: number | null; stdout: string } {
  const run = [join(ROOT, 'tools/node'), ...command];
  const writable = options.writable === undefined ? [] : ['--rw', options.writable];
  const guest = [join(ROOT, 'tools/vm'), '--kernel', kernel, '--timeout', String(options.seconds), ...writable, '--', ...run];
  const [program = '', ...words] = kernel === 'local' ? run : guest;
  const { status, stdout } = spawnSync(program, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  return { status, stdout };
}
