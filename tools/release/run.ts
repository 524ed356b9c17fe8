// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';

const OUTPUT_MAX = 64 * 1024 * 1024;

/** The same for whoever builds: no language, no time zone, none of the variables that tools take options from. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? '/', LC_ALL: 'C', TZ: 'UTC' };

/** Runs a program and gives what it prints. @throws {Error} with its messages where it fails */
export function runText(command: string, words: readonly string[], environment: Readonly<Record<string, string>> = {}): string {
  return execFileSync(command, words, {
    encoding: 'utf8',
    maxBuffer: OUTPUT_MAX,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...ENVIRONMENT, ...environment },
  });
}
