// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import type { KubeArmorTraces } from '#host';
import { nodeStatus } from './node-status.ts';
import { TraceWatch } from './trace-watch.ts';

const NOTHING: KubeArmorTraces = { agents: [], profiles: [], pins: [], unread: [] };
const AGENT: KubeArmorTraces = { ...NOTHING, agents: [{ pid: 7, exe: '/KubeArmor/kubearmor' }] };

test('KubeArmor beside us degrades the node until it is gone, and is told once', () => {
  let [now, traces, looks] = [0, AGENT, 0];
  const told: string[] = [];
  const logger = { ...noLogger, warn: (text: string) => void told.push(text) };
  const watch = new TraceWatch({ look: () => (looks++, traces), logger, nowMs: () => now });
  const status = (): ReturnType<typeof nodeStatus> => {
    const report = { name: 'e', missing: [] };
    return nodeStatus(report, { kind: 'connected', socket: '/s' }, { policies: [], files: [], workloads: [] }, watch.remarks());
  };
  watch.check();
  assert.equal(status().status, 'degraded');
  assert.match(status().reasons[0]?.problem ?? '', /own agent runs on this node \(\/KubeArmor\/kubearmor, process 7\)/);
  now = 59_999;
  watch.check();
  assert.equal(looks, 1, 'a minute is between two looks');
  now = 60_000;
  watch.check();
  assert.deepEqual([looks, told.length], [2, 1]);
  traces = NOTHING;
  now = 120_000;
  watch.check();
  assert.deepEqual(status(), { status: 'enforcing', reasons: [] });
  traces = AGENT;
  now = 180_000;
  watch.check();
  assert.equal(told.length, 2, 'it came again');
});
