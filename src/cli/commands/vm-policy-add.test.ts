// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyAnswer } from '../ports.ts';
import { runCli } from '../run-cli.ts';
import { FakeAgent, recordingIo } from '../testing.ts';

const policy = (name: string, kind = 'KubeArmorPolicy'): string => `apiVersion: security.kubearmor.com/v1
kind: ${kind}
metadata:
  name: ${name}
spec:
  ${kind === 'KubeArmorHostPolicy' ? 'nodeSelector' : 'selector'}:
    matchLabels:
      ${kind === 'KubeArmorHostPolicy' ? 'kubernetes.io/hostname: node1' : 'app: web'}
  process:
    matchPaths:
      - path: /bin/sh
  action: Block
`;

async function send(
  verb: 'add' | 'delete',
  text: string,
  answers: PolicyAnswer[] = [],
): Promise<{ code: number; out: string[]; err: string[]; agent: FakeAgent }> {
  const agent = new FakeAgent({ answers });
  const { io, out, err } = recordingIo({ agent, readStdin: async () => text });
  return { code: await runCli(['vm', 'policy', verb, '-'], io), out, err, agent };
}

test('karmor vm policy add: each document to its RPC, each answer on a line', async () => {
  const text = `---\n${policy('one')}---\n\n---\n${policy('two', 'KubeArmorHostPolicy')}`;
  const { code, out, agent } = await send('add', text, [{ status: 'Applied' }, { status: 'Modified' }]);
  assert.equal(code, 0);
  assert.deepEqual(out, ['KubeArmorPolicy one: Policy Applied', 'KubeArmorHostPolicy two: Policy Modified']);
  assert.deepEqual(
    agent.sent.map(({ kind, type }) => `${type} ${kind}`),
    ['ADDED KubeArmorPolicy', 'ADDED KubeArmorHostPolicy'],
  );
  const object = agent.sent[0]?.object as { metadata: { name: string }; spec: { action: string } };
  assert.equal(object.metadata.name, 'one');
  assert.equal(object.spec.action, 'Block');
  assert.ok(agent.isDisposed);
});

test('karmor vm policy add: with one error anywhere nothing is sent', async () => {
  const { code, out, err, agent } = await send('add', `${policy('good')}---\n${policy('bad').replace('Block', 'Deny')}`);
  assert.equal(code, 65);
  assert.deepEqual(agent.sent, []);
  assert.deepEqual(out, []);
  assert.match(err[0] ?? '', /^stdin:\d+:\d+: error: spec\.action: /);
  assert.equal(err.at(-1), 'karmor vm policy add: 1 error; nothing was sent');
});

test('karmor vm policy delete', async () => {
  const { code, out, agent } = await send('delete', policy('one'), [{ status: 'Deleted' }]);
  assert.equal(code, 0);
  assert.deepEqual(out, ['KubeArmorPolicy one: Policy Deleted']);
  assert.equal(agent.sent[0]?.type, 'DELETED');
});

const refusals: readonly { readonly answers: PolicyAnswer[]; readonly code: number; readonly says: RegExp }[] = [
  { answers: [{ status: 'NotExist' }, { status: 'NotExist' }], code: 1, says: /Policy NotExist \(the agent has no policy/ },
  { answers: [{ status: 'NotEnabled' }, { status: 'Failure' }], code: 1, says: /Policy NotEnabled \(/ },
  {
    answers: [{ status: 'Invalid', reason: 'too many rules\nand more' }, { status: 'Invalid' }],
    code: 65,
    says: /Policy Invalid \(too many rules\)/,
  },
  { answers: [{ status: 'Failure' }, { status: 'Applied' }], code: 4, says: /Policy Failure \(/ },
];
for (const { answers, code, says } of refusals) {
  test(`karmor vm policy add: ${answers.map(({ status }) => status).join(' and ')} is exit ${code}`, async () => {
    const got = await send('add', `${policy('one')}---\n${policy('two')}`, answers);
    assert.equal(got.code, code);
    assert.match(got.out[0] ?? '', says);
  });
}

test('karmor vm policy add: a reason of several lines keeps them', async () => {
  const { out } = await send('add', policy('one'), [{ status: 'Invalid', reason: 'first\nsecond\u001b[31m' }]);
  assert.deepEqual(out, ['KubeArmorPolicy one: Policy Invalid (first)', '  second\\x1b[31m']);
});

test('karmor vm policy add: nothing to send is an error', async () => {
  for (const text of ['', '---\n# nothing\n', 'apiVersion: v1\nkind: List\nitems: []\n']) {
    const { code, err, agent } = await send('add', text);
    assert.equal(code, 65, text);
    assert.deepEqual(err, [
      'stdin: error: there is no policy in it (name the files or folders that have some)',
      'karmor vm policy add: 1 error; nothing was sent',
    ]);
    assert.deepEqual(agent.sent, []);
  }
});

test('karmor vm policy add warns of what the agent refuses, and delete does not', async () => {
  const text = policy('one').replace(/ {2}selector:\n.*\n.*\n/, '');
  assert.match((await send('add', text)).err.join(), /spec\.selector: is missing or empty: .*every workload of its namespace/);
  assert.deepEqual((await send('delete', text, [{ status: 'Deleted' }])).err, []);
});
