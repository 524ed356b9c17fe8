// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyReport } from './node-report.ts';
import type { PolicyNode } from './node-finding.ts';
import { policyStatus } from './policy-state.ts';
import type { PolicyState } from './policy-state.ts';
import type { PolicyConditionType, PolicyStatus } from './policy-status.ts';

const NOW = '2026-11-22T00:00:00Z';
const LATER = '2026-11-22T00:10:00Z';
const node = (name: string, report?: PolicyReport, isFresh = true): PolicyNode => ({
  name,
  isFresh,
  ...(report === undefined ? {} : { report }),
});
const state = (nodes: readonly PolicyNode[], more: Partial<PolicyState> = {}): PolicyState => ({
  policy: { generation: 2, problems: [] },
  nodes,
  withoutAgent: [],
  ...more,
});
const conditionOf = (status: PolicyStatus, type: PolicyConditionType): string => {
  const found = status.conditions.find((one) => one.type === type);
  return `${found?.status} ${found?.reason}`;
};

const GOOD: PolicyReport = { generation: 2, workloads: 3 };
const IDLE: PolicyReport = { generation: 2 };
const REASON = { code: 'RuleNotEnforced', rule: 'spec.syscalls.matchSyscalls[0]', message: 'not observed yet' };
const REFUSED = { policy: { generation: 2, problems: ['spec: wrong'] } };

const CASES: readonly [what: string, state: PolicyState, enforced: string, degraded: string, word: string][] = [
  ['seen on every node', state([node('a', GOOD), node('b', IDLE)]), 'True Enforced', 'False Enforced', 'Enforced'],
  ['no workloads', state([node('a', IDLE)]), 'True NoWorkloads', 'False NoWorkloads', 'NoWorkloads'],
  ['no node at all', state([]), 'Unknown NoNodes', 'Unknown NoNodes', 'Unknown'],
  ['only silent nodes', state([node('a', IDLE, false)]), 'Unknown NoNodes', 'Unknown NoNodes', 'Unknown'],
  ['silent, with workloads', state([node('a', GOOD), node('b', GOOD, false)]), 'Unknown NodeSilent', 'Unknown NodeSilent', 'Unknown'],
  ['silent, without', state([node('a', GOOD), node('b', IDLE, false)]), 'True Enforced', 'False Enforced', 'Enforced'],
  ['silent before it came', state([node('a', GOOD), node('b', undefined, false)]), 'Unknown NodeSilent', 'Unknown NodeSilent', 'Unknown'],
  [
    'silent, an older generation',
    state([node('a', GOOD), node('b', { generation: 1 }, false)]),
    'Unknown NodeSilent',
    'Unknown NodeSilent',
    'Unknown',
  ],
  ['not taken in yet', state([node('a', GOOD), node('b')]), 'False Pending', 'Unknown Pending', 'Pending'],
  ['an older generation', state([node('a', { generation: 1, workloads: 1 })]), 'False Pending', 'Unknown Pending', 'Pending'],
  ['not proven yet', state([node('a', { ...GOOD, state: 'Pending' })]), 'False Pending', 'Unknown Pending', 'Pending'],
  [
    'not proven yet, without workloads',
    state([node('a', { ...IDLE, state: 'Pending' })]),
    'True NoWorkloads',
    'False NoWorkloads',
    'NoWorkloads',
  ],
  ['gone', state([node('a', GOOD), node('b', { ...GOOD, state: 'Failed' })]), 'False Failed', 'False Failed', 'Failed'],
  [
    'a rule that the node cannot do',
    state([node('a', { ...GOOD, state: 'Degraded', reasons: [REASON] })]),
    'False RulesNotEnforced',
    'True RulesNotEnforced',
    'Degraded',
  ],
  [
    'the worst counts',
    state([node('a'), node('b', { ...GOOD, state: 'Failed' }), node('c', GOOD, false)]),
    'False Failed',
    'False Failed',
    'Failed',
  ],
  [
    'a node without an agent',
    state([node('a', GOOD)], { withoutAgent: ['b'] }),
    'Unknown NodeWithoutAgent',
    'Unknown NodeWithoutAgent',
    'Unknown',
  ],
  ['refused there', state([node('a', { ...GOOD, state: 'Refused', inForce: 1 })]), 'False Refused', 'False Refused', 'Refused'],
  ['never good', state([node('a')], REFUSED), 'False Refused', 'False Refused', 'Invalid'],
  [
    'never good, and known',
    state([node('a', { ...IDLE, state: 'Refused', inForce: 0 })], REFUSED),
    'False Refused',
    'False Refused',
    'Invalid',
  ],
  [
    'the last good one',
    state([node('a', { ...GOOD, state: 'Refused', inForce: 1 }), node('b', { generation: 1, workloads: 1 })], REFUSED),
    'True LastGoodEnforced',
    'False LastGoodEnforced',
    'Invalid',
  ],
];
for (const [what, given, enforced, degraded, word] of CASES) {
  test(`policyStatus: ${what}`, () => {
    const status = policyStatus(given, undefined, NOW);
    assert.deepEqual([conditionOf(status, 'Enforced'), conditionOf(status, 'Degraded'), status.status], [enforced, degraded, word]);
    assert.equal(conditionOf(status, 'Accepted'), given.policy.problems.length === 0 ? 'True Accepted' : 'False Invalid');
  });
}

test('policyStatus: counts, and what a node cannot do by rule', () => {
  const bad: PolicyReport = { generation: 2, workloads: 2, state: 'Degraded', reasons: [REASON], more: 4 };
  const status = policyStatus(state([node('c', bad), node('a', GOOD), node('b', bad)]), undefined, NOW);
  assert.deepEqual([status.workloads, status.nodes, status.enforcedNodes], [7, 3, 1]);
  const message = 'spec.syscalls.matchSyscalls[0]: not observed yet; and 4 more';
  assert.deepEqual(
    status.nodeReasons,
    ['b', 'c'].map((name) => ({ node: name, reason: 'RulesNotEnforced', message })),
  );
  assert.equal(status.conditions[2]?.message, 'spec.syscalls.matchSyscalls[0]: not observed yet (2 nodes)');
  assert.equal(status.conditions[1]?.message, `2 of 3 nodes: b: ${message}; c: ${message}`);
});

test('policyStatus: of a policy that cannot be honoured, Enforced is about the generation that is in force', () => {
  const status = policyStatus(state([node('a', { ...GOOD, state: 'Refused', inForce: 1 })], REFUSED), undefined, NOW);
  assert.deepEqual(
    status.conditions.map(({ observedGeneration }) => observedGeneration),
    [2, 1, 2],
  );
  assert.equal(status.observedGeneration, 2);
});

test('policyStatus: a condition keeps its time while its status stays', () => {
  const before = policyStatus(state([node('a', GOOD)]), undefined, NOW);
  const same = policyStatus(state([node('a', IDLE)]), before, LATER);
  assert.deepEqual(
    same.conditions.map(({ lastTransitionTime }) => lastTransitionTime),
    [NOW, NOW, NOW],
  );
  const other = policyStatus(state([node('a', GOOD, false)]), before, LATER);
  assert.deepEqual(
    other.conditions.map(({ lastTransitionTime }) => lastTransitionTime),
    [NOW, LATER, LATER],
  );
});
