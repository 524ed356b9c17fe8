// SPDX-License-Identifier: Apache-2.0
import { formatIssue } from '#base';
import type { Issue } from '#base';
import type { Policy, RuleInfo } from '#policy';
import { checkFiles } from './check-files.ts';
import type { FileReport } from './check-files.ts';
import type { Io } from './io.ts';
import type { ReadOptions } from './policy-files.ts';
import type { Text } from './text.ts';

/** A policy that was taken, and where it stands. */
export interface LoadedPolicy {
  readonly policy: Policy;
  readonly file: string;
  /** `FILE:LINE:COLUMN` of a field; the file alone where it has no lines. */
  place(at: string): string;
  /** As an Issue has it. */
  where(at: string): Pick<Issue, 'file' | 'line' | 'column'>;
}

export interface PolicySet {
  /** All that were taken, in the order of the files; of two with one name both. */
  readonly all: readonly LoadedPolicy[];
  readonly issues: readonly Issue[];
  readonly reports: readonly FileReport[];
}

/**
 * Reads and checks policies that a command works on. Where the set may be empty, that is no issue.
 *
 * @throws {KubeArmorError} as `checkFiles`
 */
export async function loadPolicySet(names: readonly string[], io: Io, options: ReadOptions = {}): Promise<PolicySet> {
  const reports: FileReport[] = [];
  for await (const report of checkFiles(names, io, options)) reports.push(report);
  const issues = reports
    .flatMap((report) => report.issues)
    .filter(({ code }) => !(options.mayBeEmpty === true && code === 'POLICY_MISSING'));
  return { all: policiesIn(reports), issues, reports };
}

/** The policies that were taken. */
export function policiesIn(reports: readonly FileReport[]): LoadedPolicy[] {
  return reports.flatMap(({ file, documents }) =>
    documents.flatMap(({ policy, placeOf }) => (policy === undefined ? [] : [loaded(policy, file, placeOf)])),
  );
}

/** A policy with its places. */
export function loaded(policy: Policy, file: string, placeOf?: FileReport['documents'][number]['placeOf']): LoadedPolicy {
  const where = (at: string): Pick<Issue, 'file' | 'line' | 'column'> => ({ file, ...placeOf?.(at) });
  const place = (at: string): string => {
    const found = placeOf?.(at);
    return found === undefined ? file : `${file}:${found.line}:${found.column}`;
  };
  return { policy, file, place, where };
}

/** Those that count: of several with one kind, namespace and name the last. */
export function current(all: readonly LoadedPolicy[]): LoadedPolicy[] {
  return [...new Map(all.map((one) => [policyKey(one.policy), one])).values()];
}

const policyKey = ({ kind, namespace, name }: Policy): string => `${kind} ${namespace} ${name}`;

/** The policy of a rule. */
export function ownerOf(rule: RuleInfo, all: readonly LoadedPolicy[]): LoadedPolicy | undefined {
  return all.findLast(({ policy }) => policyKey(policy) === `${rule.kind} ${rule.namespace} ${rule.policy}`);
}

/** Where a rule stands, for people: `FILE:LINE:COLUMN`. */
export function rulePlace(rule: RuleInfo, all: readonly LoadedPolicy[]): string {
  return ownerOf(rule, all)?.place(rule.field) ?? rule.field;
}

/** Prints what refuses a policy; true where there is something. */
export function reportErrors(issues: readonly Issue[], io: Io): boolean {
  const errors = issues.filter(({ severity }) => severity === 'error');
  for (const issue of errors) io.err(issueText(issue));
  return errors.length > 0;
}

export function issueText(issue: Issue): Text {
  return { text: formatIssue(issue), colour: issue.severity === 'error' ? 'red' : 'yellow' };
}
