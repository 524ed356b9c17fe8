// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { EventEmitter } from 'node:events';
import { KubeArmorError, noLogger } from '#base';
import { renewNetwork } from '#pki';
import type { NetworkCertificates } from '#pki';
import { createHealth, dialGrpc, healthClient, serveGrpc, TlsFolder } from './index.ts';
import type { TlsFiles } from './index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tls-folder-'));
after(() => rmSync(folder, { recursive: true }));

const ROWS = [
  { name: 'server', usage: 'server', hosts: ['an-agent'] },
  { name: 'client', usage: 'client', hosts: [] },
] as const;
const make = (): NetworkCertificates => renewNetwork({ authorities: [], leaves: new Map() }, ROWS, Date.now()).after;
function filesOf({ authorities, leaves }: NetworkCertificates, name: string): TlsFiles {
  const pair = leaves.get(name);
  assert.ok(pair);
  return { ca: authorities.map(({ certificate }) => certificate).join(''), cert: pair.certificate, key: pair.key };
}
function put(files: Partial<Record<'ca' | 'cert' | 'key', TlsFiles['ca']>>): void {
  const names = { ca: 'ca.crt', cert: 'server.crt', key: 'server.key' } as const;
  for (const field of ['ca', 'cert', 'key'] as const) {
    const text = files[field];
    if (text === undefined) continue;
    writeFileSync(path.join(folder, 'new'), text);
    renameSync(path.join(folder, 'new'), path.join(folder, names[field]));
  }
}

test('a server takes renewed certificates without a new start; half of a pair is not taken', { timeout: 20_000 }, async (t) => {
  const [first, second] = [make(), make()];
  put(filesOf(first, 'server'));
  const told = new EventEmitter();
  const logger = { ...noLogger, error: (text: string) => void told.emit('error line', text) };
  const tls = await TlsFolder.open({ folder, logger, everyMs: 5 }, 'server');
  const health = createHealth(['']);
  const server = await serveGrpc({
    services: [health.service],
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0, tls: tls.current },
    logger,
  });
  const stop = new AbortController();
  const followed = tls.follow(stop.signal, (files) => {
    server.renewTls(files);
    // it may be read between two files that are put there: then the rest comes with the next look
    if (files.ca.toString() === filesOf(second, 'server').ca) told.emit('renewed');
  });
  t.after(async () => {
    stop.abort();
    await followed;
    await server.stop(10);
  });
  const ask = async (certificates: NetworkCertificates, name = 'client'): Promise<string> => {
    using transport = dialGrpc({ address: server.address, tls: filesOf(certificates, name), serverName: 'an-agent' });
    try {
      await healthClient(transport).check({ service: '' });
      return 'answered';
    } catch (error) {
      return error instanceof KubeArmorError ? error.code : String(error);
    }
  };
  assert.equal(await ask(first), 'answered');
  assert.equal(await ask(first, 'server'), 'PEER_REFUSED', 'who has a server’s key asks nothing with it');
  assert.equal(await ask(second), 'PEER_REFUSED');

  const { ca, cert, key } = filesOf(second, 'server');
  const half = once(told, 'error line');
  put({ cert });
  assert.match(String((await half)[0]), /its key is not the one beside it; those before are used/);
  assert.equal(await ask(first), 'answered');
  const renewed = once(told, 'renewed');
  put({ ca });
  put({ key });
  await renewed;
  assert.equal(await ask(second), 'answered');
  assert.equal(await ask(first), 'PEER_REFUSED');
});
