// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ForwardedConnection } from './port-forward.ts';
import { openKubeApi } from './rest-api.ts';
import { ForwardServer, serverFrame } from './testing/forward-server.ts';
import { answers, ScriptedServer } from './testing/scripted-server.ts';
import { encodeFrame, FrameReader } from './websocket-frames.ts';

const POD = { name: 'relay', namespace: 'kubearmor' };
const api = (server: Pick<ForwardServer | ScriptedServer, 'access'>) => openKubeApi({ access: server.access(), userAgent: 'test/1' });

/** Sends everything back. */
async function echoServer(): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => void socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

test('a forwarded connection: pings keep it, and a peer that does not answer them ends it', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const socket = new PassThrough();
  const pings: number[] = [];
  socket.write = ((chunk: Buffer) => pings.push((chunk[0] ?? 0) & 0x0f) > 0) as typeof socket.write;
  const connection = new ForwardedConnection(socket, Buffer.alloc(0));
  connection.resume();
  t.mock.timers.tick(75_000);
  assert.deepEqual(pings, [9, 9, 9]);
  const answered = once(socket, 'data');
  socket.push(serverFrame(Buffer.alloc(0), 10));
  await answered;
  t.mock.timers.tick(75_000);
  assert.ok(!connection.destroyed);
  t.mock.timers.tick(25_000);
  assert.match(connection.errored?.message ?? '', /no answer for 100 s/);
});

test('forward: bytes go to the port of the pod and back, however long', async () => {
  await using echo = await echoServer();
  await using server = await ForwardServer.open({ port: (echo.address() as AddressInfo).port });
  using client = api(server);
  const connection = await client.pods.forward(POD, 32767);
  const sent = Buffer.alloc(300_000, 'abcdefghi');
  connection.end(sent);
  const got: Buffer[] = [];
  for await (const chunk of connection as AsyncIterable<Buffer>) {
    got.push(chunk);
    if (Buffer.concat(got).length >= sent.length) break;
  }
  assert.ok(Buffer.concat(got).equals(sent));
  assert.deepEqual(server.asked, ['GET /api/v1/namespaces/kubearmor/pods/relay/portforward?ports=32767 v4.channel.k8s.io']);
});

test('forward: nobody listens on the port', async () => {
  await using server = await ForwardServer.open({});
  using client = api(server);
  const connection = await client.pods.forward(POD, 32767);
  await assert.rejects(text(connection), /ECONNREFUSED/);
});

test('forward: the connection breaks', async () => {
  await using echo = await echoServer();
  await using server = await ForwardServer.open({ port: (echo.address() as AddressInfo).port });
  using client = api(server);
  const connection = await client.pods.forward(POD, 1);
  connection.write('x');
  await once(connection, 'data');
  const closed = once(connection, 'close');
  server.cut();
  await closed;
  assert.ok(connection.destroyed);
});

for (const [status, code, message] of [
  [403, 'API_REFUSED', /forwarding port 1 of the pod "kubearmor\/relay": pods "relay" is forbidden/],
  [401, 'API_REFUSED', /forbidden/],
  [404, 'API_UNREACHABLE', /forbidden/],
] as const) {
  test(`forward: the server answers ${status}`, async () => {
    await using server = await ForwardServer.open({ refuse: { status, body: JSON.stringify({ message: 'pods "relay" is forbidden' }) } });
    using client = api(server);
    await assert.rejects(client.pods.forward(POD, 1), { code, message });
    assert.equal(server.asked.length, status === 401 ? 2 : 1);
  });
}

test('forward: a server that answers as if nothing had been asked', async () => {
  await using server = await ScriptedServer.open(answers(200, {}));
  using client = api(server);
  await assert.rejects(client.pods.forward(POD, 1), { code: 'API_UNREACHABLE' });
});

test('logs: the end of a container’s log', async () => {
  await using server = await ScriptedServer.open(
    answers(200, 'line\n'),
    answers(400, { message: 'previous terminated container not found' }),
  );
  using client = api(server);
  const options = { container: 'main', tailLines: 10, limitBytes: 100 };
  assert.equal(await client.pods.logs(POD, options), 'line\n');
  assert.equal(server.asked[0]?.url.search, '?container=main&tailLines=10&limitBytes=100');
  await assert.rejects(client.pods.logs(POD, { ...options, previous: true }), { code: 'API_INVALID', message: /previous terminated/ });
});

test('frames: split anywhere they are the same', () => {
  const payloads = [Buffer.alloc(0), Buffer.from('ab'), Buffer.alloc(200, 'x'), Buffer.alloc(3_000, 'y')];
  const bytes = Buffer.concat(payloads.map((payload) => serverFrame(payload)));
  for (const size of [1, 3, 1000, bytes.length]) {
    const reader = new FrameReader(100_000);
    const got: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) got.push(...reader.push(bytes.subarray(at, at + size)).map(({ payload }) => payload));
    assert.deepEqual(got, payloads);
  }
});

test('frames: what a server may not send is refused', () => {
  assert.throws(() => new FrameReader(100).push(serverFrame(Buffer.alloc(101))), /101 bytes/);
  assert.throws(() => new FrameReader(100).push(encodeFrame(2, Buffer.from('x'))), /masked/);
});

test('a forwarded connection: pings are answered, parts are put together, a broken frame ends it', async () => {
  const socket = new PassThrough();
  const written: Buffer[] = [];
  socket.write = ((chunk: Buffer) => written.push(chunk) > 0) as typeof socket.write;
  const connection = new ForwardedConnection(socket, serverFrame(Buffer.of(0, 1, 2)));
  socket.push(serverFrame(Buffer.from('hello'), 9));
  socket.push(serverFrame(Buffer.of(0, 65), 2, false));
  socket.push(serverFrame(Buffer.of(66), 0));
  const [chunk] = (await once(connection, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'AB');
  assert.equal((written[0]?.[0] ?? 0) & 0x0f, 10);
  socket.push(encodeFrame(2, Buffer.from('x')));
  const [error] = (await once(connection, 'error')) as [Error];
  assert.match(error.message, /masked/);
});
