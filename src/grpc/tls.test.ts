// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { KubeArmorError, noLogger } from '#base';
import { LogSchema } from '#wire';
import { dialGrpc, Feed, logClient, logService, serveGrpc, watchFeed } from './index.ts';
import type { GrpcServer, TlsFiles } from './index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'grpc-tls-'));
after(() => rmSync(folder, { recursive: true }));

const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function makeCa(name: string): void {
  openssl('req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '2', '-subj', `/CN=${name}`);
}
function makeLeaf(ca: string, name: string): void {
  openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=kubearmor');
  writeFileSync(path.join(folder, 'ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${ca}.crt`,
    '-CAkey',
    `${ca}.key`,
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'ext',
    '-out',
    `${name}.crt`,
  );
}
const read = (file: string): Buffer => readFileSync(path.join(folder, file));
const files = (ca: string, name: string): TlsFiles => ({ ca: read(`${ca}.crt`), cert: read(`${name}.crt`), key: read(`${name}.key`) });

let feed: Feed;
let server: GrpcServer;
before(async () => {
  makeCa('ca');
  makeCa('other');
  makeLeaf('ca', 'server');
  makeLeaf('ca', 'client');
  makeLeaf('other', 'stranger');
  feed = new Feed({ runId: 'r' });
  server = await serveGrpc({
    services: [logService(feed)],
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0, tls: files('ca', 'server') },
    logger: noLogger,
  });
});
after(() => server.stop(100));

const refused = (code: string) => (error: unknown) => {
  assert.ok(error instanceof KubeArmorError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};

test('mutual TLS: calls and streams', async () => {
  using transport = dialGrpc({ address: server.address, tls: files('ca', 'client') });
  assert.equal((await logClient(transport).healthCheck({ nonce: 9 })).Retval, 9);
  const stream = watchFeed(transport, 'logs');
  const next = stream.next();
  while (feed.stats('logs').subscribers === 0) await sleep(5);
  feed.publishLog(create(LogSchema, { Type: 'ContainerLog', Count: 2 }));
  const { value } = await next;
  assert.deepEqual([value?.Type, value?.Sequence, value?.EventID], ['ContainerLog', 1n, 'r-l1']);
  await stream.return(undefined);
});

test('by name as well as by address', async () => {
  using transport = dialGrpc({ address: server.address.replace('127.0.0.1', 'localhost'), tls: files('ca', 'client') });
  assert.equal((await logClient(transport).healthCheck({ nonce: 1 })).Retval, 1);
});

test('a client of another CA, one without TLS, a server of another CA', async () => {
  using stranger = dialGrpc({ address: server.address, tls: { ...files('other', 'stranger'), ca: read('ca.crt') } });
  await assert.rejects(logClient(stranger).healthCheck({}), refused('PEER_REFUSED'));
  using suspicious = dialGrpc({ address: server.address, tls: files('other', 'stranger') });
  await assert.rejects(logClient(suspicious).healthCheck({}), refused('PEER_REFUSED'));
  using plain = dialGrpc({ address: server.address });
  await assert.rejects(logClient(plain).healthCheck({}), refused('PROTOCOL'));
  using transport = dialGrpc({ address: server.address, tls: files('ca', 'client') });
  assert.equal((await logClient(transport).healthCheck({ nonce: 2 })).Retval, 2);
});

test('plaintext: on loopback, and only where asked for', async () => {
  const serve = (host: string, insecureLoopback?: boolean): Promise<GrpcServer> =>
    serveGrpc({
      services: [logService(feed)],
      listen: { kind: 'tcp', host, port: 0, ...(insecureLoopback === undefined ? {} : { insecureLoopback }) },
      logger: noLogger,
    });
  await assert.rejects(serve('127.0.0.1'), refused('CONFIG_INVALID'));
  await assert.rejects(serve('127.0.0.1', false), refused('CONFIG_INVALID'));
  for (const host of ['0.0.0.0', '::', '192.0.2.1', '127.0.0.1.example', ''])
    await assert.rejects(serve(host, true), refused('CONFIG_INVALID'), host);
  const plain = await serve('localhost', true);
  using transport = dialGrpc({ address: plain.address });
  assert.equal((await logClient(transport).healthCheck({ nonce: 5 })).Retval, 5);
  using secure = dialGrpc({ address: plain.address, tls: files('ca', 'client') });
  await assert.rejects(logClient(secure).healthCheck({}), refused('PROTOCOL'));
  const { port } = new URL(`http://${plain.address}`);
  await assert.rejects(
    serveGrpc({ services: [], listen: { kind: 'tcp', host: '127.0.0.1', port: Number(port), insecureLoopback: true }, logger: noLogger }),
    refused('HOST_IO'),
  );
  await plain.stop(100);
  await assert.rejects(logClient(transport).healthCheck({}), refused('UNREACHABLE'));
});

test('a certificate that is none', async () => {
  const tls = { ...files('ca', 'server'), cert: 'not PEM' };
  await assert.rejects(
    serveGrpc({ services: [], listen: { kind: 'tcp', host: '127.0.0.1', port: 0, tls }, logger: noLogger }),
    refused('CONFIG_INVALID'),
  );
});
