// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { noLogger } from '#base';
import { CORE, NAMES, WEBHOOK_CONFIGURATIONS, webhookConfiguration } from '#cluster';
import { webhookSecret } from '#install';
import { FakeKubeApi } from '#k8s/testing';
import { readCertificates } from './certificate-secret.ts';
import type { ControllerConfig } from './config.ts';
import { ask, reviewOf } from './testing/ask.ts';
import { localReviews } from './testing/local-reviews.ts';
import { runController } from './wire-up.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };
const CONFIG: ControllerConfig = {
  namespace: 'kubearmor',
  kubeconfig: undefined,
  webhookPort: 0,
  webhookHosts: ['localhost'],
  webhookClientCa: undefined,
  health: LOOPBACK,
  metrics: undefined,
  countedNodes: 'reached',
  debug: false,
  hostname: 'test',
};
const get = async (port: number, path: string): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return `${answer.status} ${await answer.text()}`;
};

test('a replica says what it waits for, gets ready, and answers with the certificate that it made', async () => {
  const api = new FakeKubeApi();
  api.seed(WEBHOOK_CONFIGURATIONS, webhookConfiguration('kubearmor'));
  api.seed(CORE.secrets, webhookSecret('kubearmor'));
  api.hide(CORE.nodes);
  const stop = new AbortController();
  const serving = Promise.withResolvers<{ health: number; webhook: number }>();
  const parts = { api, startThread: localReviews, logger: noLogger, onServing: serving.resolve };
  const done = runController(CONFIG, parts, stop.signal);
  try {
    const { health, webhook } = await serving.promise;
    const becomes = async (wanted: RegExp): Promise<void> => {
      let last = '';
      for (const deadlineMs = performance.now() + 20_000; performance.now() < deadlineMs; await pause(5)) {
        last = await get(health, '/readyz');
        if (wanted.test(last)) return;
      }
      assert.fail(`${last} is not ${String(wanted)}`);
    };
    assert.equal(await get(health, '/healthz'), '200 ok\n');
    await becomes(/^503 waits for nodes\n$/);
    api.show(CORE.nodes);
    await becomes(/^200 ok/);
    assert.match(await get(health, '/metrics'), /^404/);
    const secret = await api.get(CORE.secrets, { name: NAMES.webhookSecret, namespace: 'kubearmor' });
    const ca = readCertificates(secret).authorities.join('');
    const object = { metadata: { name: 'p', namespace: 'shop' }, spec: { action: 'Blok' } };
    const body = reviewOf({ kind: { kind: 'KubeArmorPolicy' }, resource: { resource: 'kubearmorpolicies' }, object });
    const { text } = await ask({ port: webhook, path: '/validate-policies', host: 'localhost', ca, body });
    assert.match(text, /"allowed":false.*did you mean `Block`/);
    const binding = { resource: { resource: 'pods' }, subResource: 'binding', object: { target: { name: 'n1' } } };
    const { text: bound } = await ask({ port: webhook, path: '/validate-protection', host: 'localhost', ca, body: reviewOf(binding) });
    assert.match(bound, /no agent reports of this node/);
  } finally {
    stop.abort();
    await done;
  }
});
