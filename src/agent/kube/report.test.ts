// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPORT_LIMITS } from '#cluster';
import type { PolicyReport } from '#cluster';
import type { RuleInfo } from '#policy';
import { PolicyJudge } from '../policy-judge.ts';
import type { WorkloadStatus } from '../protector.ts';
import { bound, policy } from '../testing/samples.ts';
import type { KnownPolicy } from './policies.ts';
import { nodeReport } from './report.ts';
import type { ReportFacts } from './report.ts';

const judge = new PolicyJudge(new Set(['KubeArmorPolicy', 'KubeArmorClusterPolicy', 'KubeArmorHostPolicy']));

const facts = (over: Partial<ReportFacts> = {}): ReportFacts => ({
  agent: { version: '1', startedAt: '2026-01-01T00:00:00Z' },
  node: { kernel: '6.12', osImage: 'x', architecture: 'amd64', runtime: 'r', enforcer: 'BPFLSM', lsm: ['bpf'] },
  nodeName: 'n',
  nodeLabels: {},
  status: { status: 'enforcing', reasons: [] },
  policies: [],
  workloads: [],
  judge,
  proofs: { wordOf: () => ({ state: 'Enforced', reasons: [] }), summary: () => undefined },
  ...over,
});

const one = policy('p');
const known: KnownPolicy = {
  kind: 'KubeArmorPolicy',
  namespace: 'shop',
  name: 'p',
  uid: 'u',
  generation: 2,
  issues: [],
  good: { policy: one, generation: 2 },
};

function status(name: string, over: Partial<WorkloadStatus> = {}): WorkloadStatus {
  const { key, workload } = bound(name);
  return { key, workload, policies: [one], notEnforced: [], problem: undefined, selected: [one], isSandbox: false, ...over };
}
const said = (over: Partial<ReportFacts>): PolicyReport | undefined =>
  nodeReport(facts({ policies: [known], ...over })).policies?.['ksp/shop/p'];

test('of a policy: how many workloads, without sandboxes, and nothing else where all is well', () => {
  assert.deepEqual(said({}), { generation: 2 });
  const workloads = [status('a'), status('b'), status('pause', { isSandbox: true }), status('other', { selected: [], policies: [] })];
  assert.deepEqual(said({ workloads }), { generation: 2, workloads: 2 });
});

test('a workload that it selects and that is not under it makes it fail, a sandbox too', () => {
  for (const isSandbox of [false, true]) {
    const report = said({ workloads: [status('a'), status('b', { policies: [], problem: 'more than 9 rules', isSandbox })] });
    assert.equal(report?.state, 'Failed');
    assert.deepEqual(report.reasons, [{ code: 'NotLoaded', message: 'container_namespace/b/b: more than 9 rules' }]);
  }
});

test('what a canary found counts, where the policy has a workload', () => {
  const reasons = [{ code: 'CanaryFailed', rule: 'spec.file.matchPaths[0]', message: 'it was let pass' }];
  const proofs = { wordOf: () => ({ state: 'Failed', reasons }) as const, summary: () => ({ images: 1, failed: 1 }) };
  assert.deepEqual(said({ workloads: [status('a'), status('b')], proofs }), { generation: 2, workloads: 2, state: 'Failed', reasons });
  assert.deepEqual(said({ proofs }), { generation: 2 });
  assert.deepEqual(nodeReport(facts({ proofs })).proof, { images: 1, failed: 1 });
});

test('a policy that cannot be proven is no enforced one, and rules that a node cannot do say more', () => {
  const untried = { code: 'RuleNotTried', rule: 'spec.capabilities.matchCapabilities[0]', message: 'no right of its own' };
  const notProven = { code: 'LoadedNotProven', message: 'loaded' };
  const proofs = { wordOf: () => ({ state: 'Pending', reasons: [notProven, untried] }) as const, summary: () => undefined };
  assert.deepEqual(said({ workloads: [status('a')], proofs }), {
    generation: 2,
    workloads: 1,
    state: 'Pending',
    reasons: [notProven, untried],
  });
  const rule: RuleInfo = {
    id: 0,
    kind: one.kind,
    namespace: one.namespace,
    policy: one.name,
    field: 'spec.network.matchProtocols[0]',
    family: 'network',
    action: 'Block',
    severity: 1,
    tags: [],
    message: '',
  };
  const lacking = said({ workloads: [status('a', { notEnforced: [{ rule, reason: 'not here' }] })], proofs });
  assert.deepEqual([lacking?.state, lacking?.reasons?.map(({ code }) => code)], ['Degraded', ['RuleNotEnforced']]);
  const partly = { wordOf: () => ({ state: 'Enforced', reasons: [untried] }) as const, summary: () => undefined };
  assert.deepEqual(said({ workloads: [status('a')], proofs: partly }), { generation: 2, workloads: 1, reasons: [untried] });
});

test('an audited workload is said, and no fault', () => {
  const { workload } = bound('a');
  const report = said({ workloads: [status('a', { workload: { ...workload, mode: 'audited' } }), status('b')] });
  assert.deepEqual([report?.state, report?.reasons?.[0]?.code], [undefined, 'Audited']);
});

const LONG = 'ü'.repeat(1_000);
const isShort = (text: string): boolean => Buffer.byteLength(text) <= REPORT_LIMITS.textBytes && !text.includes('\uFFFD');

test('what is said of a policy is bounded whatever there is to say', () => {
  const issues = Array.from({ length: 50 }, (_, i) => ({
    severity: 'error' as const,
    code: 'X',
    at: `spec.a[${i}]`,
    problem: LONG,
    cure: LONG,
  }));
  const { reasons = [], ...refused } = said({ policies: [{ ...known, issues, good: undefined }] }) ?? { generation: 0 };
  assert.deepEqual(refused, { generation: 2, state: 'Refused', inForce: 0, more: 50 - REPORT_LIMITS.reasonsPerPolicy });
  assert.equal(reasons.length, REPORT_LIMITS.reasonsPerPolicy);
  assert.ok(reasons.every(({ message }) => isShort(message)));
});

test('what is said of a node is bounded whatever there is to say', () => {
  const reasons = Array.from({ length: 50 }, () => ({ problem: LONG, cure: LONG }));
  const { problems = [], state } = nodeReport(facts({ status: { status: 'degraded', reasons } }));
  assert.deepEqual([state, problems.length, problems.at(-1)?.problem], ['degraded', REPORT_LIMITS.problemsPerNode, 'and 31 more']);
  assert.ok(problems.every(({ problem, cure }) => isShort(problem) && isShort(cure)));
});
