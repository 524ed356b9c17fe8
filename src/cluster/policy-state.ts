// SPDX-License-Identifier: Apache-2.0
import { findingOf, NODE_REASONS } from './node-finding.ts';
import type { NodeFinding, NodeFindingReason, PolicyFacts, PolicyNode } from './node-finding.ts';
import { REPORT_LIMITS, RULE_NOT_TRIED } from './node-report.ts';
import { STATUS_LIMITS } from './policy-status.ts';
import type { Condition, NodeReason, PolicyConditionType, PolicyStatus } from './policy-status.ts';
import { boundedText } from './read-node-report.ts';

/** Everything that a policy's status is made of. */
export interface PolicyState {
  readonly policy: PolicyFacts;
  /** Every node that has a report, in any order. */
  readonly nodes: readonly PolicyNode[];
  /** Nodes that take ordinary pods and that no agent reports of, in any order. */
  readonly withoutAgent: readonly string[];
}

/** A condition before it is known when it came to be so. */
interface Finding {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/** Nodes that a message names; the rest is a number. */
const NODES_NAMED = 3;

/**
 * The status of a policy, from what nodes said of it and how lately.
 *
 * `Enforced` is True only of what was seen: each node that has workloads of it says so, lately; and no node is without word whether it
 * has some. The order of nodes changes nothing. Its size is bounded, whatever nodes say.
 *
 * @param before the status so far: a condition keeps its `lastTransitionTime` while its `status` is the same
 * @param now RFC 3339
 * @source docs/adr/0023-kubernetes.md
 */
export function policyStatus(state: PolicyState, before: Pick<PolicyStatus, 'conditions'> | undefined, now: string): PolicyStatus {
  const { generation } = state.policy;
  const findings = findingsOf(state);
  const accepted = acceptedOf(state.policy);
  const enforced = enforcedOf(state, findings);
  const condition = (type: PolicyConditionType, { status, reason, message, observedGeneration }: Finding): Condition => {
    const last = before?.conditions.find((one) => one.type === type);
    const lastTransitionTime = last?.status === status ? last.lastTransitionTime : now;
    return { type, status, reason, message: boundedText(message, STATUS_LIMITS.messageBytes), observedGeneration, lastTransitionTime };
  };
  const withWorkloads = findings.filter(({ workloads }) => workloads > 0);
  return {
    status: wordOf(accepted, enforced),
    observedGeneration: generation,
    conditions: [
      condition('Accepted', accepted),
      condition('Enforced', enforced),
      condition('Degraded', degradedOf(generation, findings, enforced)),
    ],
    workloads: Math.min(
      withWorkloads.reduce((sum, { workloads }) => sum + workloads, 0),
      Number.MAX_SAFE_INTEGER,
    ),
    nodes: withWorkloads.length,
    enforcedNodes: withWorkloads.filter(({ verdict }) => verdict === 'inForce').length,
    nodeReasons: against(findings).slice(0, STATUS_LIMITS.nodeReasons).map(nodeReasonOf),
  };
}

function findingsOf({ policy, nodes, withoutAgent }: PolicyState): NodeFinding[] {
  const silent = withoutAgent.map((node): NodeFinding => ({
    node,
    verdict: 'unknown',
    reason: 'NodeWithoutAgent',
    message: 'no agent reports of this node',
    workloads: 0,
  }));
  const findings = [...nodes.map((node) => findingOf(node, policy)), ...silent];
  return findings.toSorted((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0));
}

function acceptedOf({ generation, problems }: PolicyFacts): Finding {
  const about = { observedGeneration: generation };
  if (problems.length === 0) return { ...about, status: 'True', reason: 'Accepted', message: 'it can be honoured' };
  return { ...about, status: 'False', reason: 'Invalid', message: problems.join('\n') };
}

function enforcedOf({ policy, nodes }: PolicyState, findings: readonly NodeFinding[]): Finding {
  const speaksOf = generationOf(policy, findings);
  const about = { observedGeneration: speaksOf ?? policy.generation };
  const [worst] = against(findings);
  if (worst?.reason !== undefined) {
    const status = worst.verdict === 'wrong' ? 'False' : 'Unknown';
    return { ...about, status, reason: worst.reason, message: nodesText(findings) };
  }
  if (!nodes.some(({ isFresh }) => isFresh)) return { ...about, status: 'Unknown', reason: 'NoNodes', message: 'no agent reports now' };
  if (speaksOf === undefined) return { ...about, status: 'False', reason: 'Refused', message: 'no generation of it could be honoured' };
  const inForce = findings.filter(({ verdict }) => verdict === 'inForce').length;
  const older = speaksOf === policy.generation ? '' : `generation ${speaksOf} is in force, as ${policy.generation} cannot be honoured: `;
  if (inForce === 0) {
    const message = `${older}no node has a workload that it selects; one that starts now starts under it`;
    return { ...about, status: 'True', reason: 'NoWorkloads', message };
  }
  const message = `${older}seen in force on ${inForce === 1 ? '1 node' : `${inForce} nodes`}${untriedText(findings)}`;
  return { ...about, status: 'True', reason: speaksOf === policy.generation ? 'Enforced' : 'LastGoodEnforced', message };
}

/** Rules that a message names; the rest is a number. */
const RULES_NAMED = 8;

/** Rules of a policy that is called enforced which no canary tried: how many on the node that has most, which, and why. */
function untriedText(findings: readonly NodeFinding[]): string {
  const perNode = findings.flatMap(({ verdict, report }) => {
    const untried = (report?.reasons ?? []).filter(({ code }) => code === RULE_NOT_TRIED);
    return verdict !== 'inForce' || untried.length === 0 ? [] : [{ untried, count: untried.length + (report?.more ?? 0) }];
  });
  const texts = new Set(perNode.flatMap(({ untried }) => untried.map(({ rule = '', message }) => `${rule}: ${message}`)));
  if (texts.size === 0) return '';
  const count = Math.max(...perNode.map((one) => one.count));
  const shown = [...texts].toSorted().slice(0, RULES_NAMED);
  const rest = count > shown.length ? ['…'] : [];
  const rules = count === 1 ? '1 rule is loaded with the others and was' : `${count} rules are loaded with the others and were`;
  return `; ${rules} not tried by any canary: ${[...shown, ...rest].join('; ')}`;
}

/** The generation that is, or should be, in force: of a policy that cannot be honoured the oldest that a node still has. */
function generationOf({ generation, problems }: PolicyFacts, findings: readonly NodeFinding[]): number | undefined {
  if (problems.length === 0) return generation;
  const known = findings.flatMap(({ inForce }) => inForce ?? []);
  return known.length === 0 ? undefined : known.reduce((least, one) => Math.min(least, one));
}

function degradedOf(generation: number, findings: readonly NodeFinding[], enforced: Finding): Finding {
  const about = { observedGeneration: generation };
  const rules = new Map<string, number>();
  for (const { report } of findings.filter(({ reason }) => reason === 'RulesNotEnforced')) {
    for (const { rule, message } of report?.reasons ?? []) {
      const text = rule === undefined ? message : `${rule}: ${message}`;
      rules.set(text, (rules.get(text) ?? 0) + 1);
    }
  }
  if (findings.some(({ reason }) => reason === 'RulesNotEnforced')) {
    const texts = Array.from(rules, ([text, count]) => `${text} (${count === 1 ? '1 node' : `${count} nodes`})`).toSorted();
    return { ...about, status: 'True', reason: 'RulesNotEnforced', message: texts.join('\n') || 'some rules are not enforced' };
  }
  if (isOutstanding(enforced)) return { ...about, status: 'Unknown', reason: enforced.reason, message: 'not every node has said so' };
  const isAway = enforced.status === 'False';
  const message = isAway ? 'it is not in force at all where it is not: see Enforced' : 'no node says that a rule is not enforced';
  return { ...about, status: 'False', reason: enforced.reason, message };
}

/** A node is still to say something; of what cannot be proven it has said all. */
const isOutstanding = ({ status, reason }: Finding): boolean =>
  reason === 'Pending' || (status === 'Unknown' && reason !== 'LoadedNotProven');

const rankOf = ({ reason }: NodeFinding): number => (reason === undefined ? NODE_REASONS.length : NODE_REASONS.indexOf(reason));

/** What speaks against it, the worst first, then by name. */
const against = (findings: readonly NodeFinding[]): NodeFinding[] =>
  findings.filter(({ reason }) => reason !== undefined).toSorted((a, b) => rankOf(a) - rankOf(b));

const nodeReasonOf = ({ node, reason = 'Failed', message }: NodeFinding): NodeReason => ({
  node: boundedText(node, REPORT_LIMITS.textBytes),
  reason,
  message: boundedText(message, REPORT_LIMITS.textBytes),
});

/** `2 of 5 nodes: a: why; b: why`. */
function nodesText(findings: readonly NodeFinding[]): string {
  const all = against(findings);
  const named = all.slice(0, NODES_NAMED).map((one) => {
    const { node, message } = nodeReasonOf(one);
    return `${node}: ${message}`;
  });
  const rest = all.length > named.length ? ['…'] : [];
  return `${all.length} of ${findings.length === 1 ? '1 node' : `${findings.length} nodes`}: ${[...named, ...rest].join('; ')}`;
}

const WORDS: Readonly<Record<NodeFindingReason, string>> = {
  Failed: 'Failed',
  Refused: 'Refused',
  RulesNotEnforced: 'Degraded',
  Pending: 'Pending',
  NodeSilent: 'Unknown',
  NodeWithoutAgent: 'Unknown',
  LoadedNotProven: 'NotProven',
};

/** What the conditions say in one word. */
function wordOf(accepted: Finding, enforced: Finding): string {
  if (accepted.status === 'False') return 'Invalid';
  if (enforced.status === 'True') return enforced.reason;
  return Object.hasOwn(WORDS, enforced.reason) ? WORDS[enforced.reason as NodeFindingReason] : 'Unknown';
}
