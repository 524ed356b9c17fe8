// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE, POLICY_KINDS } from '#cluster';
import { FakeKubeApi } from '#k8s/testing';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';
import { fakeCluster, podOf, policyOf } from './testing-cluster.ts';

function cluster(): FakeKubeApi {
  const api = new FakeKubeApi();
  for (const name of ['shop', 'bank', '$(reboot)']) api.seed(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  api.seed(CORE.pods, podOf('shop', 'web-1', {}));
  api.seed(CORE.pods, podOf('bank', 'till-1', {}));
  api.seed(POLICY_KINDS.KubeArmorPolicy, policyOf('shop', 'no-shell', {}));
  return api;
}

for (const [line, names] of [
  ['namespace -- logs -n', ['bank', 'shop']],
  ['pod -- logs -n shop --pod', ['web-1']],
  ['pod -- logs --namespace=bank --pod', ['till-1']],
  ['pod -- logs --namespace = bank --pod', ['till-1']],
  ['policy -- policy status', ['ksp/shop/no-shell']],
  ['context -- logs --context', ['dev', 'prod']],
  ['colour --', []],
] as const) {
  test(`karmor __complete ${line}`, async () => {
    const { io, out, err } = recordingIo({ cluster: fakeCluster(cluster()), contexts: async () => ['prod', 'dev', 'a;b'] });
    assert.equal(await runCli(`__complete ${line}`.split(' '), io), 0);
    assert.deepEqual([out, err], [names, []]);
  });
}

test('karmor __complete: silent where nothing can be asked', async () => {
  const api = cluster();
  api.goAway();
  for (const recorded of [recordingIo({ cluster: fakeCluster(api) }), recordingIo()]) {
    assert.equal(await runCli(['__complete', 'namespace', '--', 'logs'], recorded.io), 0);
    assert.deepEqual([recorded.out, recorded.err], [[], []]);
  }
});

test('karmor __complete: a cluster that does not answer costs two seconds at most', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const api = cluster();
  const asked = Promise.withResolvers<void>();
  api.list = () => {
    asked.resolve();
    return new Promise(() => {});
  };
  const { io, out } = recordingIo({ cluster: fakeCluster(api) });
  const running = runCli(['__complete', 'namespace', '--', 'logs'], io);
  await asked.promise;
  t.mock.timers.tick(1_500);
  assert.equal(await running, 0);
  assert.deepEqual(out, []);
});
