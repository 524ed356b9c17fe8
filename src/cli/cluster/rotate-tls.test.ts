// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE, fieldOf, NAMES } from '#cluster';
import { FakeKubeApi } from '#k8s/testing';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';
import { fakeCluster, ourPod, secretOf } from './testing-cluster.ts';

const NAMESPACE = 'kubearmor';
const secretNames = [NAMES.webhookSecret, NAMES.clientSecret];

function cluster(makers: readonly string[] = ['kubearmor-controller', 'kubearmor-operator']): FakeKubeApi {
  const api = new FakeKubeApi();
  for (const maker of makers) api.seed(CORE.pods, ourPod(maker, `${maker}-1`));
  for (const name of secretNames) api.seed(CORE.secrets, secretOf(NAMESPACE, name, { 'tls.key': 'old' }));
  return api;
}

/** @param makes what happens while karmor waits */
async function rotate(api: FakeKubeApi, args = '', makes: () => void = () => {}): Promise<{ code: number; out: string[]; err: string[] }> {
  let nowMs = 0;
  const sleep = async (ms: number): Promise<void> => {
    nowMs += ms;
    makes();
  };
  const { io, out, err } = recordingIo({ cluster: fakeCluster(api), sleep, nowMs: () => nowMs });
  return { code: await runCli(`rotate-tls ${args}`.trim().split(' '), io), out, err };
}

const gone = async (api: FakeKubeApi): Promise<string[]> => {
  const found = await Promise.all(
    secretNames.map(async (name) => {
      const found = await api.get(CORE.secrets, { name, namespace: NAMESPACE });
      if (found === undefined) assert.notEqual(name, NAMES.webhookSecret, 'nobody who fills it may make it');
      return fieldOf(found, 'data') === undefined ? [name] : [];
    }),
  );
  return found.flat();
};

test('karmor rotate-tls: one after the other, each made anew', async () => {
  const api = cluster();
  const missing: number[] = [];
  let turn = Promise.resolve();
  const makes = (): void => {
    turn = turn.then(async () => {
      const names = await gone(api);
      missing.push(names.length);
      for (const name of names) api.seed(CORE.secrets, secretOf(NAMESPACE, name, { 'tls.key': 'new' }));
    });
  };
  const { code, out, err } = await rotate(api, '', makes);
  assert.deepEqual(err, []);
  assert.equal(code, 0);
  assert.deepEqual(out, [
    'kubearmor/kubearmor-controller-webhook-server-cert: made anew by kubearmor-controller',
    'kubearmor/kubearmor-client-certs: made anew by kubearmor-operator',
  ]);
  assert.ok(
    missing.every((count) => count <= 1),
    String(missing),
  );
});

test('karmor rotate-tls: nobody would make them anew', async () => {
  const api = cluster(['kubearmor-controller']);
  const { code, err } = await rotate(api);
  assert.equal(code, 1);
  assert.match(err[0] ?? '', /no pod of kubearmor-operator is ready in kubearmor: nobody would make them anew; nothing was changed/);
  assert.deepEqual(await gone(api), []);
});

test('karmor rotate-tls: a maker that hangs is named', async () => {
  const { code, err } = await rotate(cluster());
  assert.equal(code, 3);
  assert.match(
    err[0] ?? '',
    /rotating kubearmor\/kubearmor-controller-webhook-server-cert: it was emptied, and kubearmor-controller has not made it anew within 120 s/,
  );
});

test('karmor rotate-tls --dry-run changes nothing', async () => {
  const api = cluster();
  const { code, out } = await rotate(api, '--dry-run');
  assert.equal(code, 0);
  assert.match(out[0] ?? '', /would be emptied, and made anew by kubearmor-controller/);
  assert.deepEqual(await gone(api), []);
});

test('karmor rotate-tls: there are no certificates', async () => {
  const api = new FakeKubeApi();
  api.seed(CORE.pods, ourPod('kubearmor', 'agent-1'));
  const { code, err } = await rotate(api);
  assert.equal(code, 1);
  assert.match(err[0] ?? '', /the namespace kubearmor has none of/);
});
