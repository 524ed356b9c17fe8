// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../run-cli.ts';
import { FakeAgent, recordingIo } from '../testing.ts';

const probe = {
  containers: [
    { name: 'web', mode: 'enabled', policies: ['b', 'a'] },
    { name: 'idle', mode: 'disabled', policies: [] },
  ],
  hosts: [{ name: 'node1', policies: ['h'] }],
} as const;

test('karmor vm policy list: a row a policy and workload, sorted', async () => {
  const { io, out } = recordingIo({ agent: new FakeAgent({ probe }) });
  assert.equal(await runCli(['vm', 'policy', 'list'], io), 0);
  assert.deepEqual(out, [
    'POLICY  APPLIES TO     MODE',
    'a       container web  enabled',
    'b       container web  enabled',
    'h       host node1     enabled',
  ]);
});

test('karmor vm policy list: nothing', async () => {
  const { io, out } = recordingIo({ agent: new FakeAgent() });
  assert.equal(await runCli(['vm', 'policy', 'list'], io), 0);
  assert.deepEqual(out, ['no policies']);
});

test('karmor vm policy list -o json', async () => {
  const { io, out } = recordingIo({ agent: new FakeAgent({ probe }) });
  await runCli(['vm', 'policy', 'list', '-o', 'json'], io);
  assert.deepEqual(JSON.parse(out.join('')), { schemaVersion: 1, ...probe });
});
