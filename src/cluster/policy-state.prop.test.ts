// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PolicyNode } from './node-finding.ts';
import { policyStatus } from './policy-state.ts';
import type { PolicyState } from './policy-state.ts';
import { STATUS_LIMITS } from './policy-status.ts';
import { readNodeReport } from './read-node-report.ts';

const NOW = '2026-11-22T00:00:00Z';
const text = fc.oneof(fc.string({ maxLength: 400, unit: 'binary' }), fc.constant('x'.repeat(5_000)), fc.constant('é😀'.repeat(300)));
const report = fc.record(
  {
    generation: fc.nat(3),
    workloads: fc.oneof(fc.nat(3), fc.constant(2 ** 52)),
    state: fc.constantFrom('Enforced', 'Degraded', 'Refused', 'Failed', 'Pending'),
    inForce: fc.nat(3),
    reasons: fc.array(fc.record({ code: text, rule: text, message: text }, { requiredKeys: [] }), { maxLength: 12 }),
    more: fc.nat(),
  },
  { requiredKeys: ['generation'] },
);
/** As the writer reads it from what a node wrote. */
const nodeArb = (name: string): fc.Arbitrary<PolicyNode> =>
  fc.record({ isFresh: fc.boolean(), written: fc.option(report, { nil: undefined }) }).map(({ isFresh, written }) => {
    const read = readNodeReport({ policies: { 'csp/x': written } }).policies.get('csp/x');
    return { name, isFresh, ...(read === undefined ? {} : { report: read }) };
  });
const nodes = fc
  .integer({ min: 0, max: 25 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => nodeArb(`n${index}`))));
const stateArb: fc.Arbitrary<PolicyState> = fc.record({
  policy: fc.record({ generation: fc.nat(3), problems: fc.array(text, { maxLength: 3 }) }),
  nodes,
  withoutAgent: fc.array(fc.constantFrom('w1', 'w2', 'w3'), { maxLength: 2 }),
});

test('policyStatus: the order of nodes never matters', () => {
  fc.assert(
    fc.property(stateArb, fc.infiniteStream(fc.nat()), (state, ranks) => {
      const shuffled = state.nodes.map((node) => [ranks.next().value as number, node] as const).toSorted((a, b) => a[0] - b[0]);
      const other = { ...state, nodes: shuffled.map(([, node]) => node), withoutAgent: state.withoutAgent.toReversed() };
      assert.deepEqual(policyStatus(other, undefined, NOW), policyStatus(state, undefined, NOW));
    }),
    { numRuns: 60 },
  );
});

function assertMayBeTrue({ isFresh, report }: PolicyNode, { policy }: PolicyState): void {
  const workloads = report?.workloads ?? 0;
  if (!isFresh) assert.ok(workloads === 0 && report?.generation === policy.generation);
  if (policy.problems.length > 0) return;
  assert.equal(report?.generation, policy.generation);
  if (workloads > 0) assert.equal(report?.state, 'Enforced');
}

test('policyStatus: no node that is silent, behind, or against it is under a True', () => {
  fc.assert(
    fc.property(stateArb, (state) => {
      const status = policyStatus(state, undefined, NOW);
      const enforced = status.conditions.find(({ type }) => type === 'Enforced');
      if (enforced?.status !== 'True') return;
      assert.equal(state.withoutAgent.length, 0);
      assert.ok(state.nodes.some(({ isFresh }) => isFresh));
      for (const node of state.nodes) assertMayBeTrue(node, state);
    }),
    { numRuns: 500 },
  );
});

test('policyStatus: its size is bounded, whatever nodes write', () => {
  const most = STATUS_LIMITS.nodeReasons * 700 + 3 * (STATUS_LIMITS.messageBytes * 2 + 300) + 500;
  fc.assert(
    fc.property(stateArb, (state) => {
      const status = policyStatus(state, undefined, NOW);
      assert.ok(Buffer.byteLength(JSON.stringify(status)) <= most);
      assert.ok(status.nodeReasons.length <= STATUS_LIMITS.nodeReasons);
      assert.ok(status.enforcedNodes <= status.nodes);
    }),
    { numRuns: 60 },
  );
});

test('readNodeReport: never throws, whatever a node writes', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (value) => {
      readNodeReport(value);
      readNodeReport({ policies: value, lacks: value });
      readNodeReport({ policies: { 'ksp/a/b': value }, lacks: [value] });
    }),
  );
});
