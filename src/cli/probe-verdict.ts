// SPDX-License-Identifier: Apache-2.0
import { nodeLacks, traceRemarks } from '#host';
import type { AgentDetail, Reason } from './agent-detail.ts';
import type { KubeArmorTraces, LeftInForce, LocalFacts } from './ports.ts';

export type Verdict = 'ENFORCING' | 'AUDIT-ONLY' | 'DEGRADED' | 'NOT RUNNING';

export interface ProbeFindings {
  readonly verdict: Verdict;
  /** Why it is not better; empty for a clean ENFORCING. */
  readonly reasons: readonly Reason[];
}

export interface ProbeInputs {
  /** Why the agent does not answer; undefined if it does. */
  readonly unreachable: Reason | undefined;
  /** Somebody is there and does not answer this user: that is no sign of a dead agent. */
  readonly refused?: boolean;
  /** Of this machine, where no agent answers. */
  readonly leftInForce?: LeftInForce | undefined;
  /** Of this machine, where no agent answers: one that does tells them itself. */
  readonly traces?: KubeArmorTraces | undefined;
  readonly detail: AgentDetail | undefined;
  /** Why there is no detail. */
  readonly detailMissing: string;
  /** Undefined for an agent on another machine: this one's facts say nothing about it. */
  readonly facts: LocalFacts | undefined;
}

const STATUS_VERDICTS: Readonly<Record<string, Verdict>> = {
  enforcing: 'ENFORCING',
  'audit-only': 'AUDIT-ONLY',
  audit: 'AUDIT-ONLY',
  degraded: 'DEGRADED',
};

/**
 * Decides the first line of `karmor probe`: what the agent says of itself, never better than what this machine's kernel can do.
 */
export function decideVerdict(inputs: ProbeInputs): ProbeFindings {
  const { unreachable, refused = false, leftInForce, traces, detail, detailMissing, facts } = inputs;
  const lacks = facts === undefined ? [] : nodeLacks(facts);
  if (unreachable !== undefined && refused) return { verdict: 'DEGRADED', reasons: [unreachable, ...lacks] };
  if (unreachable !== undefined)
    return { verdict: 'NOT RUNNING', reasons: [unreachable, ...leftReasons(leftInForce), ...traceReasons(traces), ...lacks] };
  if (detail === undefined) return withoutDetail(detailMissing, facts, lacks);
  const reasons = [...detail.reasons];
  if (detail.enforcer === undefined) {
    reasons.push({
      problem: 'the agent has no enforcer: policies are not enforced',
      cure: 'see the agent’s log, and what the kernel lacks',
    });
    return { verdict: 'AUDIT-ONLY', reasons: [...reasons, ...lacks] };
  }
  const claimed = STATUS_VERDICTS[detail.status ?? 'enforcing'];
  if (claimed === undefined) {
    reasons.push({ problem: `the agent reports the unknown status ${detail.status}`, cure: 'use the karmor of the agent’s version' });
  }
  return { verdict: claimed ?? 'DEGRADED', reasons };
}

function leftReasons(left: LeftInForce | undefined): Reason[] {
  if (left === undefined) return [];
  if ('unknown' in left) {
    return [{ problem: `whether rules of an earlier agent are still in force cannot be seen: ${left.unknown}`, cure: 'run as root' }];
  }
  if (left.programs === 0) return [];
  return [
    {
      problem: `the rules of an earlier agent are still in force (${left.programs} programs are attached); nobody reports what they deny`,
      cure: 'start the agent: it takes them over; or end them: kubearmor -remove -yes',
    },
  ];
}

const traceReasons = (traces: KubeArmorTraces | undefined): Reason[] =>
  traces === undefined ? [] : traceRemarks(traces).map(({ problem, cure }) => ({ problem, cure }));

function withoutDetail(why: string, facts: LocalFacts | undefined, lacks: readonly Reason[]): ProbeFindings {
  const unknown =
    facts === undefined
      ? { problem: 'the agent is on another machine and does not say what it enforces', cure: 'run karmor probe on its node' }
      : {
          problem: `the agent answers, but its state cannot be read (${why})`,
          cure: 'run as root on the agent’s node; an agent with another -stateDir cannot be judged from here',
        };
  return { verdict: 'DEGRADED', reasons: [unknown, ...lacks] };
}
