// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { KubeArmorError, noLogger } from '#base';
import type { Logger } from '#base';
import { AlertSchema, PolicyService, PolicyStatus } from '#wire';
import type { Alert } from '#wire';
import { authorizeUids, dialGrpc, Feed, grpcService, logClient, logService, policyClient, serveGrpc, watchFeed } from './index.ts';
import type { GrpcServer, ServeOptions, UnixListen } from './index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'grpc-test-'));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

interface Served extends AsyncDisposable {
  readonly feed: Feed;
  readonly server: GrpcServer;
  readonly socketPath: string;
  readonly address: string;
}

async function serve(
  listen: Partial<UnixListen> = {},
  options: Partial<ServeOptions> = {},
  feed = new Feed({ runId: 'r' }),
): Promise<Served> {
  const socketPath = path.join(folder, `s${sockets++}`);
  const policy = grpcService(PolicyService, {
    containerPolicy: ({ policy: bytes }) => ({ status: bytes.length > 0 ? PolicyStatus.Applied : PolicyStatus.Invalid }),
    hostPolicy: () => {
      throw new KubeArmorError('LIMIT_EXCEEDED', 'compiling p: 70000 rules, at most 65535');
    },
    networkPolicy: () => {
      throw new TypeError('a bug, with a secret in it');
    },
  });
  const server = await serveGrpc({
    services: [logService(feed), policy],
    listen: { kind: 'unix', path: socketPath, ...listen },
    logger: noLogger,
    ...options,
  });
  return { feed, server, socketPath, address: `unix://${socketPath}`, [Symbol.asyncDispose]: () => server.stop(200) };
}

const alert = (fields: Partial<Alert> = {}): Alert => ({ ...create(AlertSchema, { Type: 'MatchedPolicy', Count: 1 }), ...fields });

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !condition(); await sleep(5)) assert.ok(Date.now() < deadline, `waited for: ${what}`);
}

const rejectsWith = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KubeArmorError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return true;
};

test('a unary call, an error with its status, a bug that tells nothing', async () => {
  const logged: string[] = [];
  const logger: Logger = { ...noLogger, error: (message) => void logged.push(message) };
  await using served = await serve({}, { logger });
  using transport = dialGrpc({ address: served.address });
  assert.equal((await logClient(transport).healthCheck({ nonce: -7 })).Retval, -7);
  const client = policyClient(transport);
  assert.equal((await client.containerPolicy({ policy: Buffer.from('{}') })).status, PolicyStatus.Applied);
  assert.equal((await client.containerPolicy({})).status, PolicyStatus.Invalid);
  await assert.rejects(client.hostPolicy({}), rejectsWith('LIMIT_EXCEEDED', /compiling p: 70000 rules/));
  await assert.rejects(client.networkPolicy({}), rejectsWith('PROTOCOL', /internal error/));
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /PolicyService\/networkPolicy.*a bug/);
});

test('a request beyond the limit is refused, and the next one served', async () => {
  await using served = await serve({}, { requestBytesMax: 1000 });
  using transport = dialGrpc({ address: served.address });
  const client = policyClient(transport);
  await assert.rejects(client.containerPolicy({ policy: Buffer.alloc(2_000_000) }), KubeArmorError);
  assert.equal((await client.containerPolicy({ policy: Buffer.alloc(900) })).status, PolicyStatus.Applied);
});

test('ten clients see every alert in order; one that is killed mid-stream disturbs nobody', async () => {
  await using served = await serve();
  const seen = Array.from({ length: 10 }, () => [] as bigint[]);
  const transports = seen.map(() => dialGrpc({ address: served.address }));
  const readers = seen.map(async (sequences, index) => {
    for await (const { Sequence } of watchFeed(transports[index]!, 'alerts')) {
      sequences.push(Sequence);
      if (Sequence === 500n) return;
    }
  });
  const victim = net.connect(served.socketPath);
  const session = http2.connect('http://localhost', { createConnection: () => victim });
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': '/feeder.LogService/WatchAlerts',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  stream.end(Buffer.from([0, 0, 0, 0, 5, 10, 3, ...Buffer.from('all')]));
  await until('eleven subscribers', () => served.feed.stats('alerts').subscribers === 11);
  for (let i = 0; i < 250; i++) served.feed.publishAlert(alert());
  await once(stream, 'data');
  victim.destroy();
  for (let i = 0; i < 250; i++) served.feed.publishAlert(alert());
  await Promise.all(readers);
  for (const sequences of seen)
    assert.deepEqual(
      sequences,
      Array.from({ length: 500 }, (_, i) => BigInt(i + 1)),
    );
  // A reader that leaves its loop ends its call.
  await until('no subscriber', () => served.feed.stats('alerts').subscribers === 0);
  for (const transport of transports) transport.close();
});

test('filters: KubeArmor’s words; anything else ends with OK and no message', async () => {
  await using served = await serve();
  using transport = dialGrpc({ address: served.address });
  const client = logClient(transport);
  for (const Filter of ['', 'system', 'ALL', 'bogus']) {
    for await (const _ of client.watchAlerts({ Filter })) assert.fail('a message');
  }
  for (const Filter of ['', 'policy', 'ALL']) {
    for await (const _ of client.watchLogs({ Filter })) assert.fail('a message');
  }
  const stop = new AbortController();
  const streams = [
    client.watchAlerts({ Filter: 'policy' }, { signal: stop.signal }),
    client.watchLogs({ Filter: 'system' }, { signal: stop.signal }),
    client.watchMessages({ Filter: 'bogus' }, { signal: stop.signal }),
  ].map((stream) => stream[Symbol.asyncIterator]().next());
  await until('all three subscribed', () =>
    (['alerts', 'logs', 'messages'] as const).every((kind) => served.feed.stats(kind).subscribers === 1),
  );
  stop.abort();
  for (const stream of streams) await assert.rejects(stream);
});

test('a slow client: generated = delivered + told as lost, and nobody waits for it', async () => {
  const feed = new Feed({ runId: 'r', queueMax: 100 });
  await using served = await serve({}, {}, feed);
  using transport = dialGrpc({ address: served.address });
  using quickTransport = dialGrpc({ address: served.address });
  const slow = watchFeed(transport, 'alerts');
  let quick = 0;
  const quickReader = (async () => {
    for await (const _ of watchFeed(quickTransport, 'alerts')) quick++;
  })().catch(() => {});
  const firstSlow = slow.next();
  await until('two subscribers', () => feed.stats('alerts').subscribers === 2);
  let generated = 0n;
  const big = 'x'.repeat(20_000);
  for (let i = 0; i < 3_000; i++) {
    // Folded alerts count as what they stand for.
    const Count = 1 + (i % 3);
    feed.publishAlert(alert({ Count, Data: big }));
    generated += BigInt(Count);
    if (i % 20 === 0) await sleep(1);
  }
  feed.countLost('alerts', { kernel: 17n, queue: 5n });
  feed.publishAlert(alert({ Message: 'last' }));
  generated += 1n + 17n + 5n;

  let delivered = 0n;
  let lostKernel = 0n;
  let lostQueue = 0n;
  let records = 0;
  for (let next = await firstSlow; next.done !== true; next = await slow.next()) {
    records++;
    delivered += BigInt(next.value.Count);
    lostKernel += next.value.LostKernel;
    lostQueue += next.value.LostQueue;
    if (next.value.Message === 'last') break;
  }
  await slow.return(undefined);
  assert.equal(lostKernel, 17n);
  assert.ok(lostQueue > 1000n, `the client was slow enough to lose: ${lostQueue} lost, ${records} delivered`);
  assert.equal(delivered + lostKernel + lostQueue, generated);
  assert.ok(quick > records, 'the quick client got more');
  await served.server.stop(200);
  await quickReader;
});

test('hostile text never ends a stream', async () => {
  await using served = await serve();
  using transport = dialGrpc({ address: served.address });
  const stream = watchFeed(transport, 'alerts');
  const next = stream.next();
  await until('a subscriber', () => served.feed.stats('alerts').subscribers === 1);
  served.feed.publishAlert(
    alert({
      Resource: 'a\ud800b',
      ATags: ['\udfff'],
      EventData: { 'k\ud800': 'v\udc00' },
      UID: 2 ** 32 - 1,
      Source: 'y'.repeat(5_000_000),
      RuleID: 0,
      BootNs: 2n ** 64n - 1n,
      Owner: { Ref: '\ud800' } as never,
    }),
  );
  const { value } = await next;
  assert.ok(value !== undefined);
  assert.equal(value.Resource, 'a\ufffdb');
  assert.deepEqual(value.ATags, ['\ufffd']);
  assert.deepEqual(value.EventData, { 'k\ufffd': 'v\ufffd' });
  assert.equal(value.UID, -1);
  assert.equal(value.Source.length, 65_536);
  assert.equal(value.RuleID, 0);
  assert.equal(value.BootNs, 2n ** 64n - 1n);
  assert.equal(value.Owner?.Ref, '\ufffd');
  served.feed.publishAlert(alert());
  assert.equal((await stream.next()).value?.Sequence, 2n);
  await stream.return(undefined);
});

test('stop: streams get what waits, then Unavailable; new calls find nobody', async () => {
  const served = await serve();
  using transport = dialGrpc({ address: served.address });
  const stream = watchFeed(transport, 'alerts');
  const first = stream.next();
  await until('a subscriber', () => served.feed.stats('alerts').subscribers === 1);
  for (let i = 0; i < 3_000; i++) served.feed.publishAlert(alert({ Data: 'x'.repeat(5_000) }));
  const stopped = served.server.stop(60_000);
  const delivered = [(await first).value?.Sequence];
  await assert.rejects(
    async () => {
      for await (const { Sequence } of stream) delivered.push(Sequence);
    },
    rejectsWith('UNREACHABLE', /stopping/),
  );
  assert.equal(delivered.length, 3_000);
  await stopped;
  using later = dialGrpc({ address: served.address });
  await assert.rejects(logClient(later).healthCheck({}), rejectsWith('UNREACHABLE', /no such socket/));
});

test('a peer that may not is refused before any request is served, and logged once', async () => {
  const warned: unknown[] = [];
  const logger: Logger = { ...noLogger, warn: (_message, context) => void warned.push(context) };
  const fds: number[] = [];
  const authorize = authorizeUids(
    (fd) => {
      fds.push(fd);
      return { pid: 7, uid: 1000, gid: 1000 };
    },
    [0],
    logger,
  );
  await using served = await serve({ authorize }, { logger });
  for (let i = 0; i < 3; i++) {
    using transport = dialGrpc({ address: served.address });
    await assert.rejects(logClient(transport).healthCheck({}), rejectsWith('PEER_REFUSED', /refused this user/));
  }
  assert.deepEqual(warned, [{ uid: 1000, pid: 7 }]);
  assert.ok(fds.length >= 3 && fds.every((fd) => fd > 2));
});

test('a peer is let in by its user; unknown credentials and a throwing check are not', async () => {
  await using good = await serve({ authorize: authorizeUids(() => ({ pid: 7, uid: 0, gid: 0 }), [0], noLogger) });
  using transport = dialGrpc({ address: good.address });
  assert.equal((await logClient(transport).healthCheck({ nonce: 1 })).Retval, 1);
  await using unknown = await serve({ authorize: authorizeUids(() => undefined, [0], noLogger) });
  using second = dialGrpc({ address: unknown.address });
  await assert.rejects(logClient(second).healthCheck({}), rejectsWith('PEER_REFUSED', /refused/));
  await using failing = await serve({
    authorize: async () => {
      await sleep(10);
      throw new Error('getsockopt: EBADF');
    },
  });
  using third = dialGrpc({ address: failing.address });
  await assert.rejects(logClient(third).healthCheck({}), rejectsWith('PEER_REFUSED', /refused/));
});

test('the socket: its mode, a stale one replaced, a live one not', async () => {
  const socketPath = path.join(folder, 'mode');
  writeFileSync(socketPath, 'left behind');
  await using served = await serve({ path: socketPath, mode: 0o660 });
  assert.equal(statSync(socketPath).mode & 0o7777, 0o660);
  await assert.rejects(serve({ path: socketPath }), rejectsWith('HOST_IO', /another process listens there/));
  await assert.rejects(serve({ path: path.join(folder, 'no', 'such') }), rejectsWith('HOST_IO', /ENOENT/));
  await served.server.stop();
  assert.throws(() => statSync(socketPath), /ENOENT/);
});

test('what dialling finds: nothing, no socket, nobody, no HTTP/2', async () => {
  const call = async (address: string): Promise<void> => {
    using transport = dialGrpc({ address });
    await logClient(transport).healthCheck({});
  };
  await assert.rejects(call('unix:///no/such'), rejectsWith('UNREACHABLE', /no such socket/));
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  await assert.rejects(call(`unix://${file}`), rejectsWith('UNREACHABLE', /connection refused/));
  await assert.rejects(call('127.0.0.1:1'), rejectsWith('UNREACHABLE', /connection refused/));
  for (const address of ['', 'unix://relative', 'host', 'host:0', 'host:70000', 'http://host:1'])
    assert.throws(() => dialGrpc({ address }), rejectsWith('USAGE', /not an address/));

  const other = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.end('220 mail.example ESMTP\r\n');
  });
  other.listen(path.join(folder, 'smtp'));
  await once(other, 'listening');
  await assert.rejects(call(`unix://${path.join(folder, 'smtp')}`), rejectsWith('PROTOCOL', /not HTTP\/2/));
  other.close();
});

test('raw HTTP/2: malformed, unknown and hostile requests get a status, and the server lives', async () => {
  await using served = await serve();
  const session = http2.connect('http://localhost', { createConnection: () => net.connect(served.socketPath) });
  const call = async (headers: http2.OutgoingHttpHeaders, body: Buffer): Promise<http2.IncomingHttpHeaders> => {
    const stream = session.request({ ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers', ...headers });
    let all: http2.IncomingHttpHeaders = {};
    stream.on('response', (got) => (all = { ...all, ...got }));
    stream.on('trailers', (got) => (all = { ...all, ...got }));
    if (headers[':method'] === undefined) stream.end(body);
    stream.resume();
    await once(stream, 'close');
    return all;
  };
  const truncated = Buffer.from([0, 0, 0, 0, 3, 10, 5, 97]);
  const badUtf8 = Buffer.from([0, 0, 0, 0, 4, 10, 2, 0xff, 0xfe]);
  const watch = '/feeder.LogService/WatchAlerts';
  assert.equal((await call({ ':path': watch }, truncated))['grpc-status'], '13');
  assert.equal((await call({ ':path': watch }, badUtf8))['grpc-status'], '13');
  assert.equal((await call({ ':path': '/policy.PolicyService/containerPolicy' }, truncated))['grpc-status'], '13');
  const unknown = await call({ ':path': '/policy.PolicyService/ContainerPolicy' }, Buffer.alloc(5));
  assert.deepEqual(
    [unknown[':status'], unknown['content-type'], unknown['grpc-status'], unknown['grpc-message']],
    [200, 'application/grpc', '12', 'unknown method ContainerPolicy for service policy.PolicyService'],
  );
  assert.equal((await call({ ':path': '/no.Such/Thing' }, Buffer.alloc(5)))['grpc-message'], 'unknown service no.Such');
  assert.equal((await call({ ':path': '/feeder.LogService/HealthCheck', ':authority': 'a%2Fb' }, Buffer.alloc(5)))['grpc-status'], '0');
  assert.equal((await call({ ':path': '//[' }, Buffer.alloc(5)))['grpc-status'], '12');
  assert.equal((await call({ ':path': watch, ':method': 'GET' }, Buffer.alloc(0)))[':status'], 405);
  assert.equal((await call({ ':path': watch, 'content-type': 'text/plain' }, Buffer.alloc(5)))[':status'], 415);
  session.destroy();

  for (const garbage of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    '\0'.repeat(100),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff',
  ]) {
    const socket = net.connect(served.socketPath);
    socket.on('error', () => {});
    socket.write(garbage, 'latin1');
    await sleep(20);
    socket.destroy();
  }
  using transport = dialGrpc({ address: served.address });
  assert.equal((await logClient(transport).healthCheck({ nonce: 3 })).Retval, 3);
});
