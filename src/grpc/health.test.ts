// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError, noLogger } from '#base';
import { createHealth, dialGrpc, healthClient, logClient, serveGrpc } from './index.ts';

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !condition(); await sleep(5)) assert.ok(Date.now() < deadline, `waited for: ${what}`);
}

const rejectsWith = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KubeArmorError && error.code === 'PROTOCOL', String(error));
  assert.match(error.message, message);
  return true;
};

test('health: Check, List and Watch', async () => {
  const health = createHealth(['', 'feeder.LogService']);
  const folder = mkdtempSync(path.join(tmpdir(), 'grpc-health-'));
  after(() => rmSync(folder, { recursive: true }));
  const server = await serveGrpc({ services: [health.service], listen: { kind: 'unix', path: path.join(folder, 's') }, logger: noLogger });
  after(() => server.stop(200));
  using transport = dialGrpc({ address: server.address });
  const client = healthClient(transport);
  assert.equal((await client.check({ service: '' })).status, 2);
  await assert.rejects(client.check({ service: 'unknown' }), rejectsWith(/unknown service \(NotFound\)/));
  const watched: number[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const { status } of client.watch({ service: 'policy.PolicyService' }, { signal: stop.signal })) watched.push(status);
  })();
  await until('the first answer', () => watched.length === 1);
  health.set('', true);
  health.set('policy.PolicyService', true);
  await until('the second', () => watched.length === 2);
  health.set('policy.PolicyService', false);
  await until('the third', () => watched.length === 3);
  assert.deepEqual(watched, [3, 1, 2]);
  assert.equal((await client.check({})).status, 1);
  assert.deepEqual(Object.keys((await client.list({})).statuses), ['', 'feeder.LogService', 'policy.PolicyService']);
  await assert.rejects(logClient(transport).healthCheck({}), rejectsWith(/unknown service feeder.LogService/));
  stop.abort();
  await assert.rejects(watching);
});
