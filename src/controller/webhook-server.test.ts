// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { test } from 'node:test';
import { noLogger } from '#base';
import { makeAuthority, takeStep } from '#pki';
import type { ServingCertificates } from '#pki';
import { ask, reviewOf } from './testing/ask.ts';
import type { Asked } from './testing/ask.ts';
import { WebhookServer } from './webhook-server.ts';
import type { Admit, WebhookServerOptions } from './webhook-server.ts';

const HOST = 'webhooks.example';
const made = (): ServingCertificates => takeStep({ authorities: [] }, { step: 'replace', why: '' }, { nowMs: Date.now(), hosts: [HOST] });
const first = made();

async function serve(admit: Admit, more: Partial<WebhookServerOptions> = {}): Promise<WebhookServer> {
  const server = await WebhookServer.open({ port: 0, host: '127.0.0.1', admit: { '/ask': admit }, logger: noLogger, ...more });
  server.show(first.current!);
  return server;
}
const to = (server: WebhookServer, more: Partial<Asked> = {}): Asked => ({
  port: server.port,
  path: '/ask',
  host: HOST,
  ca: first.authorities.join(''),
  body: reviewOf({}),
  ...more,
});

test('what is asked is answered, with its uid', async () => {
  await using server = await serve(({ operation, isDryRun }) => ({ warnings: [`${operation} ${isDryRun}`] }));
  const { code, text } = await ask(to(server, { body: reviewOf({ uid: 'x1', dryRun: true }) }));
  assert.equal(code, 200);
  assert.deepEqual(JSON.parse(text), {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: 'x1', allowed: true, warnings: ['CREATE true'] },
  });
});

test('requests that make no sense get an answer that says why, and the next one is served', async () => {
  const outcomes: string[] = [];
  const onAnswer = (path: string, outcome: string): void => void outcomes.push(`${path} ${outcome}`);
  await using server = await serve(() => ({}), { limits: { bodyBytes: 2_000 }, onAnswer });
  const cases: readonly [Partial<Asked>, number, RegExp][] = [
    [{ body: '' }, 400, /no JSON object/],
    [{ body: 'null' }, 400, /no JSON object/],
    [{ body: '{"apiVersion":"v1"}' }, 400, /no AdmissionReview/],
    [{ body: JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }) }, 400, /request: is missing/],
    [{ body: reviewOf({ uid: 7 }) }, 400, /request.uid/],
    [{ body: reviewOf({ operation: 'PATCH' }) }, 400, /request.operation/],
    [{ body: 'x'.repeat(2_001) }, 413, /bigger than 2000 bytes/],
    [{ body: 'x'.repeat(2_001), headers: { 'transfer-encoding': 'chunked' } }, 413, /bigger than 2000 bytes/],
    [{ method: 'GET', body: '' }, 405, /POST/],
    [{ path: '/constructor' }, 404, /nothing/],
  ];
  for (const [asked, code, why] of cases) {
    const answer = await ask(to(server, asked));
    assert.equal(answer.code, code, String(why));
    assert.match(answer.text, why);
  }
  assert.equal((await ask(to(server))).code, 200);
  assert.deepEqual(outcomes.slice(-2), ['unknown error', '/ask allowed']);
});

test('an answer that cannot be made is an error of that request alone', async () => {
  let isBroken = true;
  await using server = await serve(() => {
    if (isBroken) throw new Error('a defect');
    return {};
  });
  assert.equal((await ask(to(server))).code, 500);
  isBroken = false;
  assert.equal((await ask(to(server))).code, 200);
});

test('no more are answered at once than the bound, and each is told when its time is over', async () => {
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  const admit: Admit = async (_, signal) => {
    begin();
    await once(signal, 'abort');
    return { warnings: ['late'] };
  };
  await using server = await serve(admit, { limits: { requests: 1, answerMs: 100 } });
  const slow = ask(to(server));
  await began;
  assert.equal((await ask(to(server))).code, 503);
  assert.match((await slow).text, /"late"/);
  assert.match((await ask(to(server))).text, /"late"/);
});

test('a new certificate is shown to whoever connects next; a broken one leaves the old', async () => {
  await using server = await serve(() => ({}));
  const second = made();
  const old = connect({ host: '127.0.0.1', port: server.port, servername: HOST, ca: first.authorities.join('') });
  await once(old, 'secureConnect');
  server.show(second.current!);
  await assert.rejects(ask(to(server)), /certificate|unable/);
  assert.equal((await ask(to(server, { ca: second.authorities.join('') }))).code, 200);
  assert.throws(() => server.show({ certificate: 'x', key: 'y' }), { code: 'CONFIG_INVALID' });
  assert.equal((await ask(to(server, { ca: second.authorities.join('') }))).code, 200);
  assert.equal(old.closed, false, 'what is connected stays');
  old.destroy();
});

test('with authorities for clients, nobody else is heard', async () => {
  const clients = makeAuthority('clients', { notBefore: new Date(Date.now() - 1_000), notAfter: new Date(Date.now() + 60_000) });
  await using server = await serve(() => ({}), { clientAuthorities: clients.certificate });
  await assert.rejects(ask(to(server)));
});

test('before there is a certificate no handshake succeeds', async () => {
  await using server = await WebhookServer.open({ port: 0, host: '127.0.0.1', admit: {}, logger: noLogger });
  assert.equal(server.hasCertificate, false);
  await assert.rejects(ask(to(server)));
  server.show(first.current!);
  assert.equal((await ask(to(server))).code, 404);
});
