// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import { LOADED_NOT_PROVEN, REPORT_LIMITS } from '#cluster';
import type { NodeProblem, NodeReport, PolicyReason, PolicyReport } from '#cluster';
import { NEVER_ENFORCED } from '#policy';
import type { Policy } from '#policy';
import type { Reason } from '../node-status.ts';
import type { PolicyJudge } from '../policy-judge.ts';
import type { WorkloadStatus } from '../protector.ts';
import { meansNode, refOf, selectsInCluster } from './policies.ts';
import type { KnownPolicy } from './policies.ts';
import type { ProofWord, ReportedProofs } from './proof.ts';

/** All that a report is made of. */
export interface ReportFacts {
  readonly agent: NodeReport['agent'];
  readonly node: NodeReport['node'];
  readonly nodeName: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly status: { readonly status: 'enforcing' | 'degraded'; readonly reasons: readonly Reason[] };
  readonly policies: readonly KnownPolicy[];
  readonly workloads: readonly WorkloadStatus[];
  readonly judge: PolicyJudge;
  readonly proofs: Pick<ReportedProofs, 'wordOf' | 'summary'>;
}

/** What a node says of itself and of every policy. Pure; as big as `REPORT_LIMITS` and the number of policies let it be. */
export function nodeReport(facts: ReportFacts): NodeReport {
  const { agent, node, status, policies } = facts;
  const proof = facts.proofs.summary();
  const problems = status.reasons.map(({ problem, cure }): NodeProblem => ({ problem: cut(problem), cure: cut(cure) }));
  const shown = problems.slice(0, REPORT_LIMITS.problemsPerNode - (problems.length > REPORT_LIMITS.problemsPerNode ? 1 : 0));
  if (shown.length < problems.length)
    shown.push({ problem: `and ${problems.length - shown.length} more`, cure: 'see `karmor probe` on the node' });
  const count = countOf(facts);
  return {
    agent,
    node,
    state: status.status,
    ...(shown.length === 0 ? {} : { problems: shown }),
    lacks: NEVER_ENFORCED.slice(0, REPORT_LIMITS.lacksPerNode),
    ...(proof === undefined ? {} : { proof }),
    policies: Object.fromEntries(policies.map((policy) => [refOf(policy), policyReport(policy, count(policy.good?.policy), facts)])),
  };
}

/** The workloads of a policy. */
interface Mine {
  /** Those that it selects. */
  readonly selected: readonly WorkloadStatus[];
  /** Without sandboxes: they run nothing of their users', and count only where something is wrong with them. */
  readonly count: number;
}

/** Workloads by the policy that selects them: each is looked at once, not once a policy. */
function countOf({ workloads, nodeName, nodeLabels, judge }: ReportFacts): (policy: Policy | undefined) => Mine {
  const byPolicy = new Map<Policy, WorkloadStatus[]>();
  for (const workload of workloads) {
    for (const policy of workload.selected) {
      const mine = byPolicy.get(policy);
      if (mine === undefined) byPolicy.set(policy, [workload]);
      else mine.push(workload);
    }
  }
  const idle = (policy: Policy): readonly WorkloadStatus[] => workloads.filter(({ workload }) => selectsInCluster(policy, workload));
  return (policy) => {
    if (policy === undefined) return { selected: [], count: 0 };
    if (policy.selector.target === 'node')
      return { selected: byPolicy.get(policy) ?? [], count: Number(meansNode(policy, nodeName, nodeLabels)) };
    const selected = judge.whyIdle(policy) === undefined ? (byPolicy.get(policy) ?? []) : idle(policy);
    return { selected, count: selected.filter(({ isSandbox }) => !isSandbox).length };
  };
}

function policyReport(known: KnownPolicy, mine: Mine, facts: ReportFacts): PolicyReport {
  const { generation, issues, good } = known;
  const about = { generation, ...(mine.count === 0 ? {} : { workloads: mine.count }) };
  if (issues.length > 0) return { ...about, state: 'Refused', inForce: good?.generation ?? 0, ...bounded(issues.map(refusal)) };
  if (good === undefined) return { ...about, state: 'Pending' };
  const { policy } = good;
  if (policy.selector.target === 'node' && mine.count === 0) return about; // it means other nodes
  const idle = facts.judge.whyIdle(policy);
  if (idle !== undefined) return { ...about, state: 'Degraded', inForce: 0, ...bounded([{ code: 'NotEnforced', message: idle }]) };
  const failed = failures(policy, mine);
  if (failed.length > 0) return { ...about, state: 'Failed', ...bounded(failed) };
  return { ...about, ...loaded(policy, mine, facts) };
}

/** Of a policy whose rules are loaded wherever it selects something. */
function loaded(policy: Policy, mine: Mine, facts: ReportFacts): Pick<PolicyReport, 'state' | 'reasons' | 'more'> {
  const { state, reasons } = mine.selected.length === 0 ? NOTHING_TO_PROVE : facts.proofs.wordOf(policy);
  const lacking = state === 'Failed' ? [] : lacks(policy, mine, facts);
  // Where all that is left of a policy cannot be tried, what the node cannot do says more.
  const isProvable = !reasons.some(({ code }) => code === LOADED_NOT_PROVEN);
  if (lacking.length > 0 && (state === 'Enforced' || !isProvable)) return { state: 'Degraded', ...bounded(lacking) };
  return state === 'Enforced' ? bounded([...audited(mine), ...reasons]) : { state, ...bounded(reasons) };
}

const refusal = (issue: Issue): PolicyReason => ({
  code: 'Refused',
  ...(issue.at === '' ? {} : { rule: cut(issue.at) }),
  message: `${issue.problem} (${issue.cure})`,
});

const NOTHING_TO_PROVE: ProofWord = { state: 'Enforced', reasons: [] };

/** Workloads that the policy selects and where it is not what is in force. */
function failures(policy: Policy, { selected }: Mine): PolicyReason[] {
  return selected.flatMap(({ workload, policies, problem }) => {
    const at = workload.kind === 'host' ? 'the host' : `${workload.namespace}/${workload.podName}/${workload.containerName}`;
    return policies.includes(policy) ? [] : [{ code: 'NotLoaded', message: `${at}: ${problem ?? 'its rules are not loaded yet'}` }];
  });
}

/** Rules that cannot be enforced: on this node whatever there is, or in a workload. Each rule once. */
function lacks(policy: Policy, { selected }: Mine, { judge }: ReportFacts): PolicyReason[] {
  const all = [
    ...judge.notEnforced(policy),
    ...selected.flatMap(({ notEnforced }) =>
      notEnforced.filter(({ rule }) => rule.kind === policy.kind && rule.namespace === policy.namespace && rule.policy === policy.name),
    ),
  ];
  const byRule = new Map(all.map(({ rule, reason }) => [`${rule.field}\0${reason}`, { rule: rule.field, reason }]));
  return [...byRule.values()].map(({ rule, reason }) => ({ code: 'RuleNotEnforced', rule: cut(rule), message: reason }));
}

/** By its owner's wish nothing is denied there: said, and no fault of the policy. */
function audited({ selected }: Mine): PolicyReason[] {
  const count = selected.filter(({ workload, isSandbox }) => workload.mode === 'audited' && !isSandbox).length;
  return count === 0 ? [] : [{ code: 'Audited', message: `${count} of its workloads are in mode audited: nothing is denied there` }];
}

function bounded(reasons: readonly PolicyReason[]): Pick<PolicyReport, 'reasons' | 'more'> {
  if (reasons.length === 0) return {};
  const shown = reasons.slice(0, REPORT_LIMITS.reasonsPerPolicy).map((reason) => ({ ...reason, message: cut(reason.message) }));
  return { reasons: shown, ...(reasons.length === shown.length ? {} : { more: reasons.length - shown.length }) };
}

/** At most `REPORT_LIMITS.textBytes` bytes, whole characters. */
function cut(text: string): string {
  const bytes = Buffer.from(text.toWellFormed());
  if (bytes.length <= REPORT_LIMITS.textBytes) return bytes.toString();
  return `${bytes
    .subarray(0, REPORT_LIMITS.textBytes - ELLIPSIS)
    .toString()
    .replace(/\uFFFD+$/, '')}…`;
}
const ELLIPSIS = Buffer.byteLength('…');
