// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { noLogger } from '#base';
import { dialGrpc, Feed, logClient, logService, serveGrpc } from '#grpc';
import type { GrpcServer } from '#grpc';
import { folderBackups } from '../../src/agent/policy-files.ts';
import { PolicyKeeper } from '../../src/agent/policy-keeper.ts';
import { policyService } from '../../src/agent/policy-service.ts';
import { probeService } from '../../src/agent/probe-service.ts';
import { Protector } from '../../src/agent/protector.ts';
import { FakeEnforcer } from '../../src/agent/testing/fake-enforcer.ts';
import { bound, plainRoot, policyObject } from '../../src/agent/testing/samples.ts';
import { mutated } from './mutate.ts';
import { target } from './target.ts';
import type { Target } from './target.ts';

/** The agent's services on a Unix socket, with a keeper and a protector as the agent has them. */
class Served {
  readonly address: string;
  readonly path: string;
  readonly #server: GrpcServer;
  readonly #home: string;

  private constructor(home: string, path: string, server: GrpcServer) {
    this.#home = home;
    this.path = path;
    this.address = `unix://${path}`;
    this.#server = server;
  }

  static async open(): Promise<Served> {
    const home = mkdtempSync(join(tmpdir(), 'fuzz-rpc-'));
    const directory = join(home, 'policies');
    const protector = new Protector({ enforcer: new FakeEnforcer(), logger: noLogger, openRoot: plainRoot });
    const kinds = new Set(['KubeArmorPolicy', 'KubeArmorClusterPolicy', 'KubeArmorNetworkPolicy'] as const);
    const keeper = new PolicyKeeper({ directory, backups: folderBackups(directory), protector, kinds, logger: noLogger });
    protector.bind(bound());
    const options = { keeper, containerPolicies: true, hostPolicies: true, networkPolicies: true };
    const services = [
      policyService(options, noLogger),
      logService(new Feed({ runId: 'r' })),
      probeService(
        () => [],
        () => [],
      ),
    ];
    const path = join(home, 's');
    return new Served(home, path, await serveGrpc({ services, listen: { kind: 'unix', path }, logger: noLogger }));
  }

  /** Whether it still answers as it should. */
  async isAlive(): Promise<boolean> {
    using transport = dialGrpc({ address: this.address });
    return (await logClient(transport).healthCheck({ nonce: 7 })).Retval === 7;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(200);
    rmSync(this.#home, { recursive: true, force: true });
  }
}

const METHODS = [
  '/policy.PolicyService/containerPolicy',
  '/policy.PolicyService/hostPolicy',
  '/policy.PolicyService/networkPolicy',
  '/policy.ProbeService/getProbeData',
  '/feeder.LogService/HealthCheck',
  '/feeder.LogService/WatchAlerts',
  '/feeder.LogService/WatchLogs',
  '/feeder.LogService/Nothing',
  '/',
];
const STREAM_MS = 50;

/** A message of gRPC with one field of bytes: what every request of these services looks like. */
function framed(body: string): Buffer {
  const bytes = Buffer.from(body);
  const field = Buffer.concat([Buffer.from([0x0a, ...varint(bytes.length)]), bytes]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(field.length, 1);
  return Buffer.concat([head, field]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

const REQUESTS = ['ADDED', 'MODIFIED', 'DELETED', 'X'].map((type) =>
  framed(JSON.stringify({ type, object: policyObject('a', '/bin/sh') })),
);

interface Call {
  readonly method: string;
  readonly type: string;
  readonly body: Buffer;
}

/** One call: its gRPC status, or the HTTP status where it has none; undefined where the server reset it, or goes on streaming. */
async function call(session: http2.ClientHttp2Session, { method, type, body }: Call): Promise<string | undefined> {
  const stream = session.request({ ':method': 'POST', ':path': method, 'content-type': type, te: 'trailers' });
  stream.on('error', () => {});
  let [grpc, http]: (string | undefined)[] = [];
  const note = (headers: http2.IncomingHttpHeaders): void => {
    grpc ??= headers['grpc-status']?.toString();
    http ??= (headers as Record<string, unknown>)[':status']?.toString();
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.resume();
  stream.end(body);
  if (method.includes('Watch')) setTimeout(() => stream.close(), STREAM_MS).unref();
  await once(stream, 'close');
  return grpc ?? (http === '200' ? undefined : http);
}

/** Calls on one connection; each ends with a status of gRPC or of HTTP, and the server goes on. */
async function calls(list: readonly Call[]): Promise<void> {
  await using served = await Served.open();
  const session = http2.connect('http://localhost', { createConnection: () => net.connect(served.path) });
  session.on('error', () => {});
  for (const one of list) {
    if (session.closed || session.destroyed) break;
    const status = await call(session, one);
    if (status !== undefined) assert.match(status, /^([0-9]|1[0-6]|[45][0-9][0-9])$/, one.method);
  }
  session.destroy();
  assert.ok(await served.isAlive());
}

/** Bytes on the socket that may be no HTTP/2 at all. */
async function raw(bytes: Buffer): Promise<void> {
  await using served = await Served.open();
  const socket = net.connect(served.path);
  socket.on('error', () => {});
  socket.resume();
  socket.end(bytes);
  setTimeout(() => socket.destroy(), STREAM_MS);
  await once(socket, 'close');
  assert.ok(await served.isAlive());
}

const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
const oneCall: fc.Arbitrary<Call> = fc.record({
  method: fc.constantFrom(...METHODS),
  type: fc.constantFrom(
    'application/grpc',
    'application/grpc',
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+json',
    'application/json',
    'text/x',
  ),
  body: mutated(REQUESTS),
});

/** The API of the agent, fed with what no client of ours sends. */
export const RPC_TARGETS: readonly Target[] = [
  target('RPC: calls', 15, fc.array(oneCall, { minLength: 1, maxLength: 8 }), calls),
  target('RPC: bytes on the socket', 10, mutated([PREFACE, Buffer.from('GET / HTTP/1.1\r\n\r\n')]), raw),
];
