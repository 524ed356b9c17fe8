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
const UNTRIED = { code: 'RuleNotTried', rule: 'spec.capabilities.matchCapabilities[0]', message: 'a canary cannot use CAP_NET_RAW' };
const NOT_PROVEN: PolicyReport = {
  ...GOOD,
  state: 'Pending',
  reasons: [{ code: 'LoadedNotProven', message: 'its rules are loaded, and no canary can try any' }, UNTRIED],
};
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
  [
    'loaded, and not to be proven on a node',
    state([node('a', GOOD), node('b', NOT_PROVEN)]),
    'Unknown LoadedNotProven',
    'False LoadedNotProven',
    'NotProven',
  ],
  [
    'loaded, and not to be proven, without workloads',
    state([node('a', { generation: 2, state: 'Pending', reasons: NOT_PROVEN.reasons ?? [] })]),
    'True NoWorkloads',
    'False NoWorkloads',
    'NoWorkloads',
  ],
  [
    'a silent node hides more',
    state([node('a', NOT_PROVEN), node('b', GOOD, false)]),
    'Unknown NodeSilent',
    'Unknown NodeSilent',
    'Unknown',
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

test('policyStatus: what was not proven is no node where it is enforced, and the message says why', () => {
  const status = policyStatus(state([node('a', GOOD), node('b', NOT_PROVEN)]), undefined, NOW);
  assert.deepEqual([status.nodes, status.enforcedNodes, status.nodeReasons[0]?.reason], [2, 1, 'LoadedNotProven']);
  assert.match(
    status.conditions[1]?.message ?? '',
    /^1 of 2 nodes: b: its rules are loaded, and no canary can try any; spec\.cap.*CAP_NET_RAW$/,
  );
});

test('policyStatus: of an enforced policy it is said how many rules no canary tried, and why, in a bounded text', () => {
  const message = (...reports: readonly PolicyReport[]): string | undefined =>
    policyStatus(state(reports.map((report, i) => node(`n${i}`, report))), undefined, NOW).conditions[1]?.message;
  assert.equal(message(GOOD, { ...GOOD, reasons: [{ code: 'Audited', message: 'x' }] }), 'seen in force on 2 nodes');
  const why = `${UNTRIED.rule}: ${UNTRIED.message}`;
  assert.equal(
    message({ ...GOOD, reasons: [UNTRIED] }, { ...GOOD, reasons: [UNTRIED] }, IDLE),
    `seen in force on 2 nodes; 1 rule is loaded with the others and was not tried by any canary: ${why}`,
  );
  assert.equal(
    message({ ...GOOD, reasons: [UNTRIED], more: 30 }),
    `seen in force on 1 node; 31 rules are loaded with the others and were not tried by any canary: ${why}; …`,
  );
  const many = Array.from({ length: 8 }, (_, i) => ({ ...UNTRIED, rule: `spec.${i}.${'x'.repeat(240)}`, message: 'y'.repeat(256) }));
  const nodes = Array.from({ length: 5 }, (_, n) => ({ ...GOOD, reasons: many.map((one) => ({ ...one, rule: `${n}${one.rule}` })) }));
  const text = message(...nodes) ?? '';
  assert.ok(Buffer.byteLength(text) <= 4_096);
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
