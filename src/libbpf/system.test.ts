// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { kernelHasBtf, probeLsm } from './probe.ts';
import { isBpffs, mountBpffs, peerCredentials } from './system.ts';

/** Node has no public way to a socket's descriptor. */
function fdOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  return Number(Reflect.get(handle as object, 'fd'));
}

test('peerCredentials: the other end of a Unix socket, and nothing of other descriptors', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'peer-'));
  const server = createServer().listen(join(directory, 'socket'));
  const client = connect(join(directory, 'socket'));
  const [peer] = (await once(server, 'connection')) as [Socket];
  assert.deepEqual(peerCredentials(fdOf(peer)), { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  client.destroy();
  peer.destroy();
  server.close();
  rmSync(directory, { recursive: true });
  const file = openSync('/dev/null', 'r');
  assert.equal(peerCredentials(file), undefined);
  closeSync(file);
  assert.equal(peerCredentials(file), undefined);
});

test('peerCredentials: a TCP socket has none', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const client = connect(address.port, '127.0.0.1');
  const [peer] = (await once(server, 'connection')) as [Socket];
  assert.equal(peerCredentials(fdOf(peer)), undefined);
  client.destroy();
  peer.destroy();
  server.close();
});

test('isBpffs and mountBpffs: told by the file system’s magic; a failing mount says why', () => {
  assert.equal(isBpffs('/proc'), false);
  assert.equal(isBpffs('/nonexistent'), false);
  assert.throws(() => mountBpffs('/nonexistent'), { code: 'KERNEL_CALL', message: 'mounting a BPF file system at /nonexistent: ENOENT' });
});

test('probeLsm: an answer with a reason, never an exception', () => {
  const probe = probeLsm();
  assert.equal(probe.usable, probe.reason === '');
  if (!kernelHasBtf()) assert.match(probe.reason, /BTF/);
});
