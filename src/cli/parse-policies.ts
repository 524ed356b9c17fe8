// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import type { Policy, Workload } from '#policy';

/** One document of a file: taken, or refused with the reasons. Warnings come with either. */
export interface CheckedDocument {
  readonly policy?: Policy | undefined;
  readonly issues: readonly Issue[];
}

/** Parses and compiles a file's text: what the agent would say to it, without the agent. */
export type CheckPolicies = (text: string, file: string) => readonly CheckedDocument[];

/** Stands for any container: limits and what can be enforced do not depend on which. */
const ANY_WORKLOAD: Workload = {
  id: '',
  kind: 'container',
  namespace: '',
  podName: '',
  containerName: '',
  image: '',
  labels: {},
  mode: 'enabled',
  postures: { file: 'audit', network: 'audit', capabilities: 'audit' },
};

/** A policy for which there is no workload in this version; its rules may be fine. */
function kindIssues({ kind }: Policy, file: string): Issue[] {
  if (kind !== 'KubeArmorHostPolicy') return [];
  const problem = 'host policies are not enforced yet';
  return [{ severity: 'warning', code: 'NOT_ENFORCEABLE', file, at: 'kind', problem, cure: NOT_HERE }];
}

const NOT_HERE = 'this version does not enforce it';

/** Loads parser and compiler; they are not needed for `--help`. */
export async function loadPolicyChecker(): Promise<CheckPolicies> {
  const { compile, parsePolicyText } = await import('#policy');

  const compiled = (policy: Policy, file: string): { readonly issues: Issue[]; readonly fits: boolean } => {
    const result = compile([policy], ANY_WORKLOAD);
    if ('exceeded' in result) {
      const problem = `beyond the limit of ${result.limit} ${result.exceeded}`;
      return {
        fits: false,
        issues: [{ severity: 'error', code: 'LIMIT_EXCEEDED', file, at: 'spec', problem, cure: 'split or shorten it' }],
      };
    }
    const issues = result.notEnforced.map(({ rule, reason }): Issue => {
      return {
        severity: 'warning',
        code: 'NOT_ENFORCEABLE',
        file,
        at: rule.field,
        problem: reason,
        cure: NOT_HERE,
      };
    });
    return { fits: true, issues: [...kindIssues(policy, file), ...issues] };
  };

  return (text, file) =>
    parsePolicyText(text, file).map(({ policy, issues }) => {
      if (policy === undefined) return { issues };
      const { fits, issues: more } = compiled(policy, file);
      return { policy: fits ? policy : undefined, issues: [...issues, ...more] };
    });
}
