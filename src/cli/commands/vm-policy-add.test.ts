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

async function addWith(
  words: readonly string[],
  answers: PolicyAnswer[],
  answer?: string,
): Promise<{ code: number; out: string[]; err: string[]; agent: FakeAgent; asked: string[] }> {
  const agent = new FakeAgent({ answers });
  const asked: string[] = [];
  const ask = (question: string, ms: number): Promise<string | undefined> => (asked.push(`${question}${ms}`), Promise.resolve(answer));
  const { io, out, err } = recordingIo({
    agent,
    readStdin: async () => `${policy('one')}---\n${policy('two', 'KubeArmorHostPolicy')}`,
    ask,
  });
  return { code: await runCli(['vm', 'policy', 'add', ...words, '-'], io), out, err, agent, asked };
}

const TRIED: PolicyAnswer = { status: 'Applied', reason: 'on trial', trial: '90' };

test('karmor vm policy add --confirm: on trial, asked for, and confirmed by name', async () => {
  const { code, agent, asked, out } = await addWith(
    ['--confirm', '1m30s'],
    [TRIED, TRIED, { status: 'Applied', trial: 'confirmed' }, { status: 'Applied', trial: 'confirmed' }],
    'yes',
  );
  assert.deepEqual([code, asked], [0, ['Keep one, two? Type yes within 90 s, else it is rolled back: 90000']]);
  assert.deepEqual(
    agent.sent.map(({ type, seconds }) => [type, seconds]),
    [
      ['ADDED_FOR', 90],
      ['ADDED_FOR', 90],
      ['CONFIRMED', undefined],
      ['CONFIRMED', undefined],
    ],
  );
  assert.deepEqual(out.slice(-2), ['one: confirmed', 'two: confirmed']);
});

test('karmor vm policy add --confirm: without a yes nothing is confirmed, without a terminal it is said how', async () => {
  const no = await addWith(['--confirm', '90s'], [TRIED, TRIED], 'no');
  assert.deepEqual([no.agent.sent.length, no.err.at(-1)], [2, 'karmor vm policy add: not confirmed: the agent rolls it back']);
  const silent = await addWith(['--confirm', '90s'], [TRIED, TRIED]);
  assert.equal(silent.err.at(-1), 'karmor vm policy add: to keep it: karmor vm policy confirm one two');
});

test('karmor vm policy add --confirm: an agent that knows no trials has changed nothing, and that is no success', async () => {
  const { code, out, asked } = await addWith(['--confirm', '90s'], [{ status: 'Modified' }, { status: 'Modified' }], 'yes');
  assert.deepEqual([code, asked], [1, []]);
  assert.match(out[0] ?? '', /Policy Failure \(this agent knows no --confirm; nothing was changed\)/);
});

test('karmor vm policy add --confirm: bounds', async () => {
  for (const wrong of ['4s', '25h', '60', '', '-5s']) {
    const { code, agent, err } = await addWith([`--confirm=${wrong}`], []);
    assert.deepEqual([code, agent.sent], [2, []], `${wrong} ${err.join()}`);
  }
});

test('karmor vm policy add --force: host policies say so in their annotation, others are as they were', async () => {
  const { agent } = await addWith(['--force'], []);
  const annotations = agent.sent.map(({ object }) => (object as { metadata: { annotations?: object } }).metadata.annotations);
  assert.deepEqual(annotations, [undefined, { 'kubearmor.io/force': 'true' }]);
});

test('karmor vm policy confirm: what is not on trial', async () => {
  const agent = new FakeAgent({ answers: [{ status: 'NotExist', reason: 'no policy x is on trial (any more)' }, { status: 'Modified' }] });
  const { io, out } = recordingIo({ agent });
  assert.equal(await runCli(['vm', 'policy', 'confirm', 'x', 'y'], io), 1);
  assert.deepEqual(out, ['x: not confirmed (no policy x is on trial (any more))', 'y: not confirmed (the agent knows no trials)']);
});
