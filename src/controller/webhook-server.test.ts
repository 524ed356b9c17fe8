// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import net from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
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
async function until(holds: () => boolean, what: string): Promise<void> {
  for (const deadline = performance.now() + 10_000; performance.now() < deadline; await pause(5)) if (holds()) return;
  assert.fail(`not in time: ${what}`);
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
  await using server = await serve(admit, { limits: { requests: 1, answerMs: 1_000 } });
  const slow = ask(to(server));
  await began;
  assert.equal((await ask(to(server))).code, 503);
  assert.match((await slow).text, /"late"/);
  assert.match((await ask(to(server))).text, /"late"/);
});

/** Connections of one address that send the head of a request and one byte of its body. */
class Stalled implements AsyncDisposable {
  told = '';
  closed = 0;
  readonly #sockets: readonly TLSSocket[];

  constructor(server: WebhookServer, count: number, localAddress: string) {
    this.#sockets = Array.from({ length: count }, () => {
      const socket = connect({
        socket: net.connect({ host: '127.0.0.1', port: server.port, localAddress }),
        servername: HOST,
        ca: first.authorities.join(''),
      });
      socket.on('error', () => {}); // where it is not let in
      socket.on('data', (chunk: Buffer) => (this.told += chunk.toString()));
      socket.on('close', () => this.closed++);
      socket.write(`POST /ask HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 100\r\n\r\n{`);
      return socket;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await until(() => this.closed === this.#sockets.length, 'all are closed');
  }
}

test('requests that do not arrive keep nobody out, and one address has few of them', async () => {
  await using server = await serve(() => ({}), { limits: { requests: 1, peerArriving: 3 } });
  await using stalled = new Stalled(server, 5, '127.0.0.2');
  await until(() => stalled.told.split('have not arrived').length === 3, 'the fourth and the fifth are told');
  assert.equal((await ask(to(server))).code, 200);
});

test('one address has so many connections and no more, and leaves room for others', async () => {
  await using server = await serve(() => ({}), { limits: { peerConnections: 2 } });
  await using stalled = new Stalled(server, 6, '127.0.0.2');
  await until(() => stalled.closed >= 4, 'four are closed');
  assert.equal((await ask(to(server))).code, 200);
  assert.equal(stalled.closed, 4);
});

test('what arrives of one address is bounded in bytes too', async () => {
  await using server = await serve(() => ({}), { limits: { peerArrivingBytes: 1_000 } });
  const { code, text } = await ask(to(server, { body: 'x'.repeat(1_001) }));
  assert.deepEqual([code, text], [503, 'too much that has not arrived whole; try again\n']);
  assert.equal((await ask(to(server))).code, 200);
});

test('the turns of one path are not those of another', async () => {
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const slow: Admit = async () => {
    begin();
    await done;
    return {};
  };
  await using server = await serve(() => ({}), { limits: { requests: 1 }, admit: { '/slow': slow, '/ask': () => ({}) } });
  const waiting = ask(to(server, { path: '/slow' }));
  await began;
  assert.equal((await ask(to(server, { path: '/slow' }))).code, 503);
  assert.equal((await ask(to(server))).code, 200);
  finish();
  assert.equal((await waiting).code, 200);
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
