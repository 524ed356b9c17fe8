// SPDX-License-Identifier: Apache-2.0
import { LOADED_NOT_PROVEN } from './node-report.ts';
import type { PolicyReport } from './node-report.ts';

/** A node as far as one policy goes. */
export interface PolicyNode {
  readonly name: string;
  /** Its Lease was renewed lately: what it reports holds now. */
  readonly isFresh: boolean;
  /** What it says of the policy; absent where it says nothing of it. */
  readonly report?: PolicyReport;
}

/** The policy itself. */
export interface PolicyFacts {
  readonly generation: number;
  /** Why it cannot be honoured; empty: it can. */
  readonly problems: readonly string[];
}

/** Reasons of `Enforced`, the worst first. */
export const NODE_REASONS = [
  'Failed',
  'Refused',
  'RulesNotEnforced',
  'Pending',
  'NodeSilent',
  'NodeWithoutAgent',
  'LoadedNotProven',
] as const;
export type NodeFindingReason = (typeof NODE_REASONS)[number];

/** What one node means for a policy. */
export interface NodeFinding {
  readonly node: string;
  /** `inForce`: seen in force for workloads there · `idle`: no workloads there · the others speak against it. */
  readonly verdict: 'inForce' | 'idle' | 'wrong' | 'unknown';
  readonly reason?: NodeFindingReason;
  readonly message: string;
  readonly workloads: number;
  /** The generation that is in force there; undefined where none is, or nobody knows. */
  readonly inForce?: number;
  readonly report?: PolicyReport;
}

/** @source docs/adr/0023-kubernetes.md */
export function findingOf(node: PolicyNode, policy: PolicyFacts): NodeFinding {
  const { name, report } = node;
  const about = { node: name, workloads: report?.workloads ?? 0, ...(report === undefined ? {} : { report }) };
  if (!node.isFresh) {
    const isIdle = report?.generation === policy.generation && about.workloads === 0;
    if (isIdle) return { ...about, verdict: 'idle', message: '' };
    return { ...about, verdict: 'unknown', reason: 'NodeSilent', message: 'its agent has not said for a minute that its report holds' };
  }
  return { ...about, ...(policy.problems.length === 0 ? taken(report, policy.generation) : lastGood(report, policy.generation)) };
}

type Part = Pick<NodeFinding, 'verdict' | 'reason' | 'message' | 'inForce'>;

const NOT_TAKEN_IN = (generation: number): Part => ({
  verdict: 'wrong',
  reason: 'Pending',
  message: `its agent has not taken in generation ${generation} yet`,
});

function taken(report: PolicyReport | undefined, generation: number): Part {
  if (report?.generation !== generation) return NOT_TAKEN_IN(generation);
  return stateOf(report, report.generation);
}

function stateOf(report: PolicyReport, generation: number): Part {
  const hasWorkloads = (report.workloads ?? 0) > 0;
  switch (report.state ?? 'Enforced') {
    case 'Enforced':
      return { verdict: hasWorkloads ? 'inForce' : 'idle', message: '', inForce: generation };
    case 'Degraded':
      return {
        verdict: 'wrong',
        reason: 'RulesNotEnforced',
        message: reasonText(report, 'some rules are not enforced'),
        ...inForceOf(report, generation),
      };
    case 'Failed':
      return { verdict: 'wrong', reason: 'Failed', message: reasonText(report, 'what should be in force was found not to be') };
    case 'Refused':
      return { verdict: 'wrong', reason: 'Refused', message: refusedText(report) };
    case 'Pending':
      return hasWorkloads ? pending(report, generation) : { verdict: 'idle', message: '', inForce: generation };
  }
}

/** What was not seen in force; where it cannot be seen nobody knows, and no waiting helps. */
function pending(report: PolicyReport, generation: number): Part {
  const message = reasonText(report, 'not proven yet');
  if (report.reasons?.some(({ code }) => code === LOADED_NOT_PROVEN) !== true) return { verdict: 'wrong', reason: 'Pending', message };
  return { verdict: 'unknown', reason: 'LoadedNotProven', message, inForce: generation };
}

/** Nothing of it may be in force where all of it is what the node cannot do. */
const inForceOf = (report: PolicyReport, generation: number): Pick<Part, 'inForce'> =>
  report.inForce === 0 ? {} : { inForce: report.inForce ?? generation };

/** Of a policy that cannot be honoured: what holds is the last generation that could be. */
function lastGood(report: PolicyReport | undefined, generation: number): Part {
  if (report === undefined) return { verdict: 'wrong', reason: 'Refused', message: 'no generation of it could be honoured' };
  if (report.generation !== generation) return stateOf(report, report.generation);
  const inForce = report.inForce ?? 0;
  if (report.state !== 'Refused') return stateOf(report, generation);
  if (inForce === 0) return { verdict: 'wrong', reason: 'Refused', message: refusedText(report) };
  return { verdict: (report.workloads ?? 0) > 0 ? 'inForce' : 'idle', message: '', inForce };
}

function refusedText(report: PolicyReport): string {
  const instead = (report.inForce ?? 0) > 0 ? `generation ${report.inForce} is in force` : 'nothing of it is in force';
  return `${reasonText(report, 'refused there')}; ${instead}`;
}

function reasonText({ reasons = [], more = 0 }: PolicyReport, otherwise: string): string {
  const texts = reasons.map(({ rule, message }) => (rule === undefined ? message : `${rule}: ${message}`));
  const all = more === 0 ? texts : [...texts, `and ${more} more`];
  return all.length === 0 ? otherwise : all.join('; ');
}
