// SPDX-License-Identifier: Apache-2.0
import type { EnforcerReport } from '#enforce';
import { policyKey } from './policy-identity.ts';
import type { KeeperStatus } from './policy-keeper.ts';
import type { ProofSummary } from './proof/port.ts';
import type { RuntimeState } from './runtime-source.ts';

/** Why this node does not enforce everything, and what to do about it. */
export interface Reason {
  readonly problem: string;
  readonly cure: string;
}

/** A reason, or a note: something to set right although all that could be understood is enforced. */
export type Remark = Reason & { readonly isNote?: boolean };

export interface NodeStatus {
  /** The words that `karmor probe` knows. */
  readonly status: 'enforcing' | 'degraded';
  readonly reasons: readonly Reason[];
}

/** Reasons shown; the log has them all. */
const REASONS_MAX = 100;

/** Judges what the node enforces. Pure. @param others beside what can be seen here */
export function nodeStatus(
  report: EnforcerReport,
  runtime: RuntimeState,
  policies: KeeperStatus,
  others: readonly Remark[] = [],
): NodeStatus {
  const remarks: Remark[] = [
    ...others,
    ...report.missing.map(({ hook, reason }) => ({
      problem: `the hook ${hook} is not attached: ${reason}`,
      cure: 'see docs/reference/kernels.md',
    })),
    ...runtimeReasons(runtime),
    ...policies.workloads.map((problem) => ({
      problem: `rules are not in force: ${problem}`,
      cure: 'split or shorten the policies of that workload',
    })),
    ...policies.files.map(({ path, problem }) => ({
      problem: `${path}: ${problem}`,
      cure: 'correct the file: `karmor policy check` tells every problem',
    })),
    ...policies.policies.flatMap(({ id, problem, notEnforced }) => [
      ...(problem === undefined
        ? []
        : [{ problem: `${policyKey(id)}: ${problem}`, cure: 'remove the policy, or see docs/reference/configuration.md' }]),
      ...notEnforced.map(({ field, reason }) => ({
        problem: `${policyKey(id)}: ${field}: ${reason}`,
        cure: 'remove the rule, or do not rely on it',
      })),
    ]),
  ];
  const shown = remarks.slice(0, REASONS_MAX).map(({ problem, cure }) => ({ problem, cure }));
  const hidden = remarks.length - shown.length;
  if (hidden > 0) shown.push({ problem: `and ${hidden} more`, cure: 'see the agent’s log' });
  return { status: remarks.every(({ isNote }) => isNote === true) ? 'enforcing' : 'degraded', reasons: shown };
}

/** What is not proven. That a proof is still to come is none. */
export function proofReasons({ state, problems }: ProofSummary): Reason[] {
  const cure =
    state === 'Failed'
      ? 'rules are not in force as they should be: see the agent’s log, then restart the agent'
      : 'see docs/adr/0027-proof.md for what a canary needs; proofEvery=0 does without proof';
  return problems.map((problem) => ({ problem, cure }));
}

function runtimeReasons(runtime: RuntimeState): Reason[] {
  if (runtime.kind === 'connected') return [];
  const problem = `the container runtime is away: ${runtime.why}; containers known before stay protected, new ones are not seen`;
  return [{ problem, cure: 'start containerd, or set criSocket' }];
}
