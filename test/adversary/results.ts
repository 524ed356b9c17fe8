// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Attack } from './attacks.ts';

export const RESULTS_FILE = join(import.meta.dirname, 'results.json');

export type CaseResult = 'ok' | 'FAILED' | 'skipped';

/** Of the last run of each kernel: `npm run adversary` writes it. */
export interface Results {
  readonly [kernel: string]: { readonly release: string; readonly cases: Readonly<Record<string, CaseResult>> };
}

export const readResults = (): Results => JSON.parse(readFileSync(RESULTS_FILE, 'utf8')) as Results;

/** What came of an attack on a kernel. `no run`: a case that proves it has no result. */
export function outcomeOf(
  attack: Attack,
  cases: Readonly<Record<string, CaseResult>>,
): 'open' | 'denied' | 'passes' | 'no run' | 'not there' {
  if (attack.proofs === undefined) return 'open';
  const results = attack.proofs.map((name) => cases[name]);
  if (results.includes('FAILED')) return 'passes';
  if (results.includes(undefined)) return 'no run';
  return results.every((result) => result === 'skipped') ? 'not there' : 'denied';
}
