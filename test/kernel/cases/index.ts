// SPDX-License-Identifier: Apache-2.0
import type { KernelCase } from '../case.ts';
import { PRECEDENCE_CASES } from './precedence.ts';
import { PROCESS_CASES } from './process.ts';

/** Every case, in the order of the report. */
export const CASES: readonly KernelCase[] = [...PROCESS_CASES, ...PRECEDENCE_CASES];
