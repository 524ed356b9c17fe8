// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import { LIMITS } from './limits.ts';

/**
 * Whether lists and maps of a value stand in each other deeper than `LIMITS.nestingDepth`: for values that others made, before anything
 * walks them. Copying, comparing and writing such a value ends in a RangeError long before the API server refuses to keep it.
 *
 * Never throws: it looks level by level, and no further than the bound.
 */
export function isNestedTooDeep(value: unknown): boolean {
  let level = [value].filter(isNested);
  for (let depth = 0; depth <= LIMITS.nestingDepth.value; depth++) {
    if (level.length === 0) return false;
    level = level.flatMap((one) => Object.values(one).filter(isNested));
  }
  return level.length > 0;
}

/** The same as a problem of the whole document; undefined: there is none. */
export function nestingIssue(value: unknown): Issue | undefined {
  if (!isNestedTooDeep(value)) return undefined;
  const problem = `the document has more than ${LIMITS.nestingDepth.value} levels of lists and maps in each other`;
  return { severity: 'error', code: 'LIMIT_EXCEEDED', at: '', problem, cure: 'no field of ours needs them: remove what is nested so deep' };
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;
