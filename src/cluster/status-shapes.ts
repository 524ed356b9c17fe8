// SPDX-License-Identifier: Apache-2.0
import type { ConfigStatus } from './config.ts';
import type { NodeProblem, NodeReport, PolicyReason, PolicyReport } from './node-report.ts';
import type { Condition, NodeReason, PolicyStatus } from './policy-status.ts';
import { count, fields, list, text, time, words } from './shape-of.ts';
import type { ShapeOf } from './shape-of.ts';

const generation = count('`metadata.generation` that this is about.');
const conditions: ShapeOf<readonly Condition<string>[]> = {
  type: 'list',
  key: 'type',
  doc: 'What is known, one of a type.',
  item: fields<Condition<string>>('', {
    type: text('What it is about.'),
    status: words('', 'True', 'False', 'Unknown'),
    reason: text('One word that says why.'),
    message: text('The same for people.'),
    observedGeneration: generation,
    lastTransitionTime: time('When `status` last changed.'),
  }),
};

/** `status` of every policy kind. */
export const POLICY_STATUS_SHAPE: ShapeOf<PolicyStatus> = fields<PolicyStatus>('Written by the controller from what the nodes report.', {
  status: text('The conditions in one word.'),
  observedGeneration: generation,
  conditions,
  workloads: count('Workloads that the policy selects.'),
  nodes: count('Nodes that have workloads of it.'),
  enforcedNodes: count('Those of them where it is enforced.'),
  nodeReasons: list<NodeReason>(
    'Nodes where it is not, or not wholly, enforced; the first of them.',
    fields<NodeReason>('', {
      node: text('Name of the node.'),
      reason: text('One word that says why.'),
      message: text('The same for people.'),
    }),
  ),
});

const policyReport = fields<PolicyReport>('What came of one policy.', {
  generation,
  workloads: count('Workloads on this node that it selects.'),
  state: words('Absent: Enforced.', 'Enforced', 'Degraded', 'Refused', 'Failed', 'Pending'),
  inForce: count('The generation in force, where it is another; 0: none.'),
  reasons: list<PolicyReason>(
    'Why it is not, or not wholly, in force.',
    fields<PolicyReason>('', {
      code: text('One word.'),
      rule: text('Field path of the rule; absent: the whole policy.'),
      message: text('The same for people.'),
    }),
  ),
  more: count('Reasons beyond those told.'),
});

/** `status` of a KubeArmorNode. */
export const NODE_REPORT_SHAPE: ShapeOf<NodeReport> = fields<NodeReport>('Written by the agent of the node that bears this name.', {
  agent: fields<NodeReport['agent']>('The agent.', { version: text('Its version.'), startedAt: time('When it started.') }),
  node: fields<NodeReport['node']>('The node.', {
    kernel: text('Release of its kernel.'),
    osImage: text('Its distribution.'),
    architecture: text('Its architecture.'),
    runtime: text('Its container runtime with version; empty: none found.'),
    enforcer: text('What enforces there.'),
    lsm: { type: 'list', doc: 'Active security modules in their order.', item: text('') },
  }),
  state: words('', 'enforcing', 'degraded'),
  problems: list<NodeProblem>(
    'What its operator should know.',
    fields<NodeProblem>('', { problem: text('What is wrong.'), cure: text('What to do.') }),
  ),
  lacks: list<NonNullable<NodeReport['lacks']>[number]>(
    'What no policy can have there.',
    fields<NonNullable<NodeReport['lacks']>[number]>('', { construct: text('Part of a policy.'), reason: text('Why.') }),
  ),
  proof: fields<NonNullable<NodeReport['proof']>>('What canaries showed of the images in force.', {
    since: time('Since when all are proven.'),
    images: count('How many there are.'),
    failed: count('How many of them failed.'),
  }),
  policies: { type: 'map', atomic: true, doc: 'By ksp/NAMESPACE/NAME, csp/NAME, hsp/NAME, nsp/NAME.', value: policyReport },
});

/** `status` of a KubeArmorConfig. */
export const CONFIG_STATUS_SHAPE: ShapeOf<ConfigStatus> = fields<ConfigStatus>('Written by the operator.', {
  phase: words('', 'Created', 'Pending', 'Running', 'Updating', 'Error'),
  message: text('The phase for people.'),
  observedGeneration: generation,
  conditions,
});
