// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { KubeArmorError } from '#base';
import { AlertSchema, LogSchema, MessageSchema } from '#wire';
import type { FeedItem, FeedRecord } from '../ports.ts';
import { runCli } from '../run-cli.ts';
import { FakeAgent, recordingIo } from '../testing.ts';
import type { FakeAgentScript } from '../testing.ts';

const block = (over: Record<string, unknown> = {}): FeedItem => ({
  stream: 'alert',
  record: create(AlertSchema, {
    UpdatedTime: '2026-11-21T09:05:11.940319Z',
    NamespaceName: 'shop',
    PodName: 'web-1',
    ContainerName: 'nginx',
    Type: 'MatchedPolicy',
    PolicyName: 'block-shells',
    Source: '/usr/sbin/nginx',
    ProcessName: '/bin/sh',
    Operation: 'Process',
    Resource: '/bin/sh',
    Action: 'Block',
    Result: 'Permission denied',
    ...over,
  }) as unknown as FeedRecord,
});
const opened: FeedItem = {
  stream: 'log',
  record: create(LogSchema, {
    Type: 'ContainerLog',
    Operation: 'File',
    Resource: '/etc/passwd',
    NamespaceName: 'shop',
    Result: 'Passed',
  }) as unknown as FeedRecord,
};
const lost = new KubeArmorError('UNREACHABLE', 'calling: the connection was reset');

interface Ran {
  readonly code: number;
  readonly out: string[];
  readonly err: string[];
  readonly agent: FakeAgent;
}

/** Runs until the script is played; then the agent refuses, which ends the command. */
async function run(args: string, script: FakeAgentScript): Promise<Ran> {
  const agent = new FakeAgent({
    ...script,
    onPing: () => {
      script.onPing?.();
      if (agent.watched.length > 0 && agent.watched.length >= (script.feeds?.length ?? 0))
        throw new KubeArmorError('PEER_REFUSED', 'end of script');
    },
  });
  const { io, out, err } = recordingIo({ agent });
  const code = await runCli(`logs ${args}`.trim().split(' '), io);
  return { code, out, err, agent };
}

test('karmor logs: the default line names type, action, operation and resource first', async () => {
  const { code, out, err, agent } = await run('--limit 1', { feeds: [{ items: [block()] }] });
  assert.equal(code, 0);
  assert.match(out[0] ?? '', /^MatchedPolicy - Block - Process \/bin\/sh/);
  assert.match(out[0] ?? '', /block-shells/);
  assert.deepEqual(err, []);
  assert.deepEqual(agent.watched, ['alert']);
  assert.ok(agent.isDisposed);
});

test('karmor logs --limit counts what is printed, not what comes', async () => {
  const items = [block({ NamespaceName: 'preshop' }), block(), block({ PodName: 'other' }), block(), block()];
  const { code, out } = await run('-n shop --pod web-* --limit 2', { feeds: [{ items }] });
  assert.equal(code, 0);
  assert.equal(out.length, 2);
});

test('karmor logs --logFilter chooses the streams', async () => {
  assert.deepEqual((await run('--logFilter system --limit 1', { feeds: [{ items: [opened] }] })).agent.watched, ['log']);
  const all = await run('--logFilter all --limit 2', { feeds: [{ items: [block()] }, { items: [opened] }] });
  assert.deepEqual(all.agent.watched, ['alert', 'log']);
  assert.equal(all.out.length, 2);
});

test('karmor logs --json: one object a line; so does -o json', async () => {
  for (const flag of ['--json', '-o json']) {
    const { out } = await run(`${flag} --limit 2`, { feeds: [{ items: [block({ Resource: '/bin/sh \u001b[2J' }), block()] }] });
    assert.equal(out.length, 2);
    const first = JSON.parse(out[0] ?? '') as Record<string, unknown>;
    assert.equal(first['PolicyName'], 'block-shells');
    assert.equal(first['Resource'], '/bin/sh \u001b[2J');
  }
});

test('karmor logs -o text and wide: control characters of a container never come through', async () => {
  for (const format of ['line', 'text', 'wide', 'pretty-json', 'json']) {
    const { out } = await run(`-o ${format} --limit 1`, {
      feeds: [{ items: [block({ Resource: '/bin/x\u001b]0;title\u0007\n== Alert / forged', PodName: 'p\u009b31m' })] }],
    });
    assert.doesNotMatch(out.join('\n'), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u, format);
    assert.ok(!out.some((line) => line.startsWith('== Alert / forged')), format);
  }
});

test('karmor logs says how long a gap was and what is known to be lost', async () => {
  const { out, err } = await run('--limit 2', {
    feeds: [
      { items: [block({ Sequence: 1n, EventID: 'r-a1' })], error: lost },
      { items: [block({ Sequence: 5n, EventID: 'r-a5', LostKernel: 2n })] },
    ],
  });
  assert.equal(out.length, 2);
  assert.equal(err.length, 4);
  assert.match(err[0] ?? '', /connection lost \(calling: the connection was reset\); trying again/);
  assert.match(err[1] ?? '', /connected again after 0\.[56] s/);
  assert.match(err[2] ?? '', /3 records were missed in the gap; 2 events were lost \(2 in the kernel’s buffer, 0 in queues\)/);
  assert.match(err[3] ?? '', /5 records are known to be lost in all/);
});

test('karmor logs ends with 3 when trying again cannot help', async () => {
  const { code, err } = await run('', { feeds: [{ items: [block()] }] });
  assert.equal(code, 3);
  assert.match(err.at(-1) ?? '', /end of script/);
});

test('karmor logs: an interrupt ends it with 0', async () => {
  const agent = new FakeAgent({ feeds: [{ items: [block(), block()] }] });
  const { io, stop } = recordingIo({ agent, out: async () => stop.abort() });
  assert.equal(await runCli(['logs'], io), 0);
});

test('karmor logs --logPath FILE appends, for its owner only', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'karmor-'));
  try {
    const path = join(folder, 'alerts');
    for (let i = 0; i < 2; i++) {
      const { out } = await run(`--logPath ${path} --json --limit 1`, { feeds: [{ items: [block()] }] });
      assert.deepEqual(out, []);
    }
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    assert.equal(lines.length, 2);
    assert.equal((JSON.parse(lines[0] ?? '') as Record<string, unknown>)['Action'], 'Block');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const { code, err } = await run(`--logPath ${join(folder, 'no', 'such')}`, {});
    assert.equal(code, 74);
    assert.match(err[0] ?? '', /: opening \/[^ ]*such: no such file or folder \(ENOENT\) \(correct the path, or make its folder\)$/);
    assert.match((await run(`--logPath ${folder}`, {})).err[0] ?? '', /: it is a folder \(EISDIR\) \(name a file\)$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('karmor logs --msgPath shows the agent’s messages; they do not count', async () => {
  const record = create(MessageSchema, { UpdatedTime: 't', ClusterName: 'c', HostName: 'h', Level: 'INFO', Message: 'started' });
  const message: FeedItem = { stream: 'message', record: record as unknown as FeedRecord };
  const { out, agent } = await run('--msgPath stdout --logPath none --limit 1', { feeds: [{ items: [message, message] }] });
  assert.deepEqual(agent.watched, ['message']);
  assert.equal(out.length, 2);
  assert.match(out[0] ?? '', /INFO.*started/);
});

test('karmor logs warns of a type that the chosen stream never has', async () => {
  assert.match((await run('--logType ContainerLog', { feeds: [{ items: [] }] })).err[0] ?? '', /add --logFilter system/);
  assert.match(
    (await run('--logFilter system --logType MatchedPolicy', { feeds: [{ items: [] }] })).err[0] ?? '',
    /use --logFilter policy/,
  );
});

test('karmor logs says once that a filter looks like a regular expression, and what to write', async () => {
  const warned = async (args: string): Promise<string[]> =>
    (await run(args, { feeds: [{ items: [] }] })).err.filter((line) => line.includes('filters'));
  const head = 'karmor logs: filters are globs over the whole value, not regular expressions; if one was meant, write';
  assert.deepEqual(await warned('--pod ^web-.*$ --source /bin/.*'), [`${head} --pod 'web-*', --source '*/bin/*'`]);
  assert.deepEqual(await warned('-n shop|bank'), [`${head} --namespace '*shop*' or (one at a time) '*bank*'`]);
  assert.deepEqual(await warned('--resource /etc/ld\\.so.+$'), [`${head} --resource '*/etc/ld.so*'`]);
  assert.deepEqual(await warned('--pod web-* -n a.b --logType matched* --operation FILE -l app=^x'), []);
});

test('karmor logs takes its own words in any case', async () => {
  const { agent, out } = await run('--logFilter ALL -o JSON --operation file --limit 1', { feeds: [{ items: [] }, { items: [opened] }] });
  assert.deepEqual(agent.watched, ['alert', 'log']);
  assert.equal((JSON.parse(out[0] ?? '') as Record<string, unknown>)['Operation'], 'File');
});

test('karmor logs colours only for a terminal', async () => {
  const agent = new FakeAgent({ feeds: [{ items: [block()] }] });
  const { io, out } = recordingIo({ agent, coloured: true });
  await runCli(['logs', '--limit', '1'], io);
  assert.match(out[0] ?? '', /^\u001b\[31mMatchedPolicy.*\u001b\[0m$/u);
});
