// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAgentDetail, parseKubeArmorProbe } from './agent-detail.ts';
import { decideVerdict } from './probe-verdict.ts';
import type { ProbeInputs } from './probe-verdict.ts';
import { GOOD_NODE } from './testing.ts';

const base: ProbeInputs = { unreachable: undefined, detail: { enforcer: 'E', reasons: [] }, detailMissing: '', facts: GOOD_NODE };
const reason = { problem: 'p', cure: 'c' };

const cases: readonly {
  readonly name: string;
  readonly inputs: Partial<ProbeInputs>;
  readonly verdict: string;
  readonly reasons: RegExp[];
}[] = [
  { name: 'all well', inputs: {}, verdict: 'ENFORCING', reasons: [] },
  {
    name: 'the agent says so',
    inputs: { detail: { enforcer: 'E', status: 'audit-only', reasons: [reason] } },
    verdict: 'AUDIT-ONLY',
    reasons: [/^p c$/],
  },
  {
    name: 'degraded',
    inputs: { detail: { enforcer: 'E', status: 'degraded', reasons: [reason] } },
    verdict: 'DEGRADED',
    reasons: [/^p c$/],
  },
  {
    name: 'a status of the future is no good news',
    inputs: { detail: { enforcer: 'E', status: 'shiny', reasons: [] } },
    verdict: 'DEGRADED',
    reasons: [/shiny/],
  },
  { name: 'no enforcer', inputs: { detail: { status: 'enforcing', reasons: [] } }, verdict: 'AUDIT-ONLY', reasons: [/no enforcer/] },
  {
    name: 'state unreadable',
    inputs: { detail: undefined, detailMissing: 'f: EACCES' },
    verdict: 'DEGRADED',
    reasons: [/f: EACCES.*root/],
  },
  { name: 'agent elsewhere', inputs: { detail: undefined, facts: undefined }, verdict: 'DEGRADED', reasons: [/another machine/] },
  { name: 'no agent', inputs: { unreachable: reason }, verdict: 'NOT RUNNING', reasons: [/^p c$/] },
  {
    name: 'no agent, and rules of one before are in force',
    inputs: { unreachable: reason, leftInForce: { programs: 41 } },
    verdict: 'NOT RUNNING',
    reasons: [/^p c$/, /still in force.*41 programs.*start the agent.*kubearmor -remove -yes/],
  },
  {
    name: 'no agent, and whether rules are in force cannot be seen',
    inputs: { unreachable: reason, leftInForce: { unknown: 'reading F: EACCES' } },
    verdict: 'NOT RUNNING',
    reasons: [/^p c$/, /cannot be seen: reading F: EACCES run as root/],
  },
  {
    name: 'no agent of ours, and KubeArmor’s own runs',
    inputs: {
      unreachable: reason,
      traces: {
        agents: [{ pid: 7, exe: '/KubeArmor/kubearmor' }],
        profiles: ['kubearmor.host'],
        pins: ['/sys/fs/bpf/kubearmor_events'],
        unread: [],
      },
    },
    verdict: 'NOT RUNNING',
    reasons: [/^p c$/, /own agent runs on this node \(\/KubeArmor\/kubearmor, process 7\)/, /kubearmor\.host/, /kubearmor_events.* rm /],
  },
  {
    name: 'no agent, nothing in force',
    inputs: { unreachable: reason, leftInForce: { programs: 0 } },
    verdict: 'NOT RUNNING',
    reasons: [/^p c$/],
  },
  {
    name: 'an agent that does not answer this user may well enforce',
    inputs: { unreachable: reason, refused: true, leftInForce: { unknown: 'x' } },
    verdict: 'DEGRADED',
    reasons: [/^p c$/],
  },
  {
    name: 'no agent and a kernel that could not',
    inputs: {
      unreachable: reason,
      facts: {
        ...GOOD_NODE,
        lsms: ['capability'],
        hasBtf: false,
        cgroupRoot: { version: 1, directory: '/c' },
        kernelMajor: 5,
        kernelMinor: 10,
      },
    },
    verdict: 'NOT RUNNING',
    reasons: [/^p c$/, /older than 5\.17/, /bpf is not active.*lsm=capability,bpf/, /no BTF/, /cgroup version 1/],
  },
];
for (const { name, inputs, verdict, reasons } of cases) {
  test(`decideVerdict: ${name}`, () => {
    const got = decideVerdict({ ...base, ...inputs });
    assert.equal(got.verdict, verdict);
    assert.equal(got.reasons.length, reasons.length, JSON.stringify(got.reasons));
    got.reasons.forEach(({ problem, cure }, i) => assert.match(`${problem} ${cure}`, reasons[i] ?? /never/));
  });
}

test('parseAgentDetail takes what it understands', () => {
  const file = {
    json: {
      version: '1',
      enforcer: 'E',
      status: 'Degraded',
      reasons: ['a', { problem: 'b', cure: 'c' }, 7],
      postures: { file: 'audit', x: 1 },
      usage: { images: 2, mapBytes: -1 },
    },
  };
  assert.deepEqual(parseAgentDetail(file), {
    version: '1',
    enforcer: 'E',
    status: 'degraded',
    reasons: [
      { problem: 'a', cure: '' },
      { problem: 'b', cure: 'c' },
    ],
    containerPosture: { file: 'audit' },
    hostPosture: undefined,
    containerRuntime: undefined,
    images: 2,
    mapBytes: undefined,
    startGate: undefined,
    proof: undefined,
  });
  for (const json of [null, 3, [], 'x']) assert.deepEqual(parseAgentDetail({ json })?.reasons, []);
  assert.equal(parseAgentDetail({ missing: 'f' }), undefined);
});

test('parseKubeArmorProbe reads KubeArmor’s own file', () => {
  const json = { ActiveLSM: 'BPFLSM', ContainerDefaultPosture: { file: 'audit', network: 'block' }, HostDefaultPosture: {} };
  const detail = parseKubeArmorProbe({ json });
  assert.equal(detail?.enforcer, 'BPFLSM');
  assert.deepEqual(detail?.containerPosture, { file: 'audit', network: 'block' });
  assert.equal(parseKubeArmorProbe({ json: { ActiveLSM: '' } })?.enforcer, undefined);
});
