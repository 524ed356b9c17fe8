// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import { CORE, NODE_REPORTS, nodeLeaseName } from '#cluster';
import type { NodeReport } from '#cluster';
import { FakeKubeApi } from '#k8s/testing';
import { Reporter } from './reporter.ts';

const REPORT: NodeReport = {
  agent: { version: '1', startedAt: '2026-01-01T00:00:00Z' },
  node: { kernel: '6.12', osImage: '', architecture: 'amd64', runtime: '', enforcer: 'FAKE', lsm: [] },
  state: 'enforcing',
};

test('the Lease is renewed by a clock that never jumps', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-01-01T12:00:00Z') });
  const api = new FakeKubeApi();
  let steadyMs = 5;
  const options = { api, nodeName: 'n', namespace: 'kubearmor', nodeUid: () => 'uid', report: () => REPORT, logger: noLogger };
  const reporter = new Reporter({ ...options, steadyMs: () => steadyMs });
  const renewedAt = async (): Promise<string> => {
    const lease = await api.get(CORE.leases, { namespace: 'kubearmor', name: nodeLeaseName('n') });
    return String((lease?.['spec'] as { renewTime?: unknown } | undefined)?.renewTime).slice(11, 19);
  };
  await reporter.round();
  assert.equal(await renewedAt(), '12:00:00');
  t.mock.timers.setTime(Date.parse('2026-01-01T11:00:00Z'));
  steadyMs += 14_000;
  await reporter.round();
  assert.equal(await renewedAt(), '12:00:00', 'it is not time');
  steadyMs += 2_000;
  await reporter.round();
  assert.equal(await renewedAt(), '11:00:00', 'the clock was set back an hour');
  assert.equal(reporter.problem, undefined);
});

test('a report that changes again and again is held back where it has many policies, and no Lease says meanwhile that it holds', async () => {
  const api = new FakeKubeApi();
  let [steadyMs, generation] = [0, 0];
  const report = (): NodeReport => ({
    ...REPORT,
    policies: Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`ksp/n/p-${i}`, { generation }])),
  });
  const options = { api, nodeName: 'n', namespace: 'kubearmor', nodeUid: () => 'uid', report, logger: noLogger, renewMs: 0 };
  const reporter = new Reporter({ ...options, steadyMs: () => steadyMs });
  const versions = async (): Promise<string> => {
    const lease = await api.get(CORE.leases, { namespace: 'kubearmor', name: nodeLeaseName('n') });
    return `${(await api.get(NODE_REPORTS, { name: 'n' }))?.metadata.resourceVersion} ${lease?.metadata.resourceVersion}`;
  };
  const seen = new Set<string>();
  for (; steadyMs < 10_000; steadyMs += 1_000) {
    generation++;
    await reporter.round();
    seen.add(await versions());
  }
  assert.equal(seen.size, 4);
  await reporter.round();
  assert.ok(!seen.has(await versions()), 'what was held back is told');
  assert.equal(reporter.problem, undefined);
});
