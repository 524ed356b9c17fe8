// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import type { ParsedDocument, Policy } from '#policy';

/** One document of a file: taken, or refused with the reasons. Warnings come with either. */
export interface CheckedDocument extends Pick<ParsedDocument, 'issues' | 'isForeign' | 'placeOf'> {
  readonly policy?: Policy | undefined;
}

/** Parses and compiles a file's text: what the agent would say to it, without the agent. */
export type CheckPolicies = (text: string, file: string) => readonly CheckedDocument[];

/** An issue without its place. */
type Finding = Pick<Issue, 'severity' | 'code' | 'at' | 'problem' | 'cure'>;

const WITHOUT_SELECTOR: Finding = {
  severity: 'warning',
  code: 'RPC_REFUSES',
  at: 'spec.selector',
  problem: 'is missing or empty: the policy selects every workload of its namespace, and the agent refuses it from `karmor vm policy add`',
  cure: 'name labels or containers; if all are meant, copy the file into the agent’s policy folder',
};
const NAME_BESIDE_LABELS: Finding = {
  severity: 'warning',
  code: 'RPC_REFUSES',
  at: 'spec.selector.matchLabels',
  problem: 'kubearmor.io/container.name stands beside other labels: the agent refuses that from `karmor vm policy add`',
  cure: 'keep the name or the labels; if both are meant, copy the file into the agent’s policy folder',
};

/** What is fine in a file and in a cluster, and what the agent's RPC refuses. */
const RPC_REFUSES = { empty: WITHOUT_SELECTOR, 'name beside labels': NAME_BESIDE_LABELS };

/** Loads parser and compiler; they are not needed for `--help`. */
export async function loadPolicyChecker(): Promise<CheckPolicies> {
  const { compileIssues, parsePolicyText, rpcSelectorProblem } = await import('#policy');

  const findings = (policy: Policy): Finding[] => {
    const refused = policy.kind === 'KubeArmorPolicy' ? rpcSelectorProblem(policy) : undefined;
    return [...(refused === undefined ? [] : [RPC_REFUSES[refused]]), ...compileIssues(policy)];
  };

  return (text, file) =>
    parsePolicyText(text, file).map((document) => {
      if (document.policy === undefined) return document;
      const more = findings(document.policy).map((finding): Issue => ({ ...finding, file, ...document.placeOf?.(finding.at) }));
      const fits = more.every(({ severity }) => severity === 'warning');
      return { ...document, policy: fits ? document.policy : undefined, issues: [...document.issues, ...more] };
    });
}
