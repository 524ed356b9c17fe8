// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import { CORE, nodeLeaseName } from '#cluster';
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
