// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answers, ScriptedServer, streams } from './testing/scripted-server.ts';
import { Transport } from './transport.ts';

const REQUEST = { method: 'GET', path: '/', doing: 'asking' } as const;
const OPTIONS = { userAgent: 'test', timeoutMs: 1_000, answerMaxBytes: 10 };

test('Transport: an answer has its limit', async () => {
  await using server = await ScriptedServer.open(answers(200, 'x'.repeat(10)), answers(200, 'x'.repeat(11)));
  using transport = new Transport(server.access(), OPTIONS);
  assert.equal((await transport.fetch(REQUEST)).body, 'x'.repeat(10));
  await assert.rejects(transport.fetch(REQUEST), { code: 'API_UNREACHABLE', message: 'asking: the answer is longer than 10 bytes' });
});

test('Transport: an answer that does not end is given up', async () => {
  await using server = await ScriptedServer.open(streams(['{'], 'stay'));
  using transport = new Transport(server.access(), OPTIONS);
  await assert.rejects(transport.fetch(REQUEST), { code: 'API_UNREACHABLE', message: /no end of the answer after 1000 ms/ });
});

test('Transport: connections are kept, and a server with a path keeps its path', async () => {
  await using server = await ScriptedServer.open(answers(200, '{}'), answers(200, '{}'));
  const access = server.access();
  using transport = new Transport({ ...access, server: new URL('/clusters/c/', access.server) }, OPTIONS);
  for (const path of ['/api/v1/pods?limit=1', '/version']) await transport.fetch({ ...REQUEST, path });
  assert.deepEqual(
    server.asked.map(({ url }) => url.pathname + url.search),
    ['/clusters/c/api/v1/pods?limit=1', '/clusters/c/version'],
  );
  assert.equal(server.connections, 1);
});
