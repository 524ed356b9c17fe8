// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import { compile } from './compile.ts';
import type { Policy } from './model.ts';
import { ANY_WORKLOAD } from './one-rule.ts';

/**
 * What only compiling a policy shows: that it is beyond a bound (an error), and which of its rules no enforcer does (warnings).
 *
 * Takes up to some seconds for a policy at its bounds.
 */
export function compileIssues(policy: Policy): Issue[] {
  const result = compile([policy], ANY_WORKLOAD);
  if ('exceeded' in result) {
    const problem = `beyond the limit of ${result.limit} ${result.exceeded}`;
    return [{ severity: 'error', code: 'LIMIT_EXCEEDED', at: 'spec', problem, cure: 'split or shorten it' }];
  }
  return result.notEnforced.map(({ rule, reason }): Issue => {
    const cure = 'remove the rule, or keep it for a later version; the other rules are enforced';
    return { severity: 'warning', code: 'NOT_ENFORCEABLE', at: rule.field, problem: reason, cure };
  });
}
