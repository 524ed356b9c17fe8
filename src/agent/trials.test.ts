// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { noLogger } from '#base';
import { PolicyStatus } from '#wire';
import { folderBackups } from './policy-files.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import { answerPolicy } from './policy-requests.ts';
import type { Answer } from './policy-requests.ts';
import { Protector } from './protector.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound, plainRoot, policyObject } from './testing/samples.ts';
import { Trials } from './trials.ts';

interface Node {
  readonly directory: string;
  readonly keeper: PolicyKeeper;
  readonly rules: () => string[];
  readonly send: (event: object) => Promise<Answer>;
}

/** An agent over a folder; another over the same folder is the one after it. */
async function node(directory: string): Promise<Node> {
  const enforcer = new FakeEnforcer();
  const protector = new Protector({ enforcer, logger: noLogger, openRoot: plainRoot });
  const kinds = new Set(['KubeArmorPolicy'] as const);
  const keeper = new PolicyKeeper({ directory, backups: folderBackups(directory), protector, kinds, logger: noLogger });
  await keeper.resume();
  await keeper.rescan();
  protector.bind(bound());
  const options = { keeper, containerPolicies: true, hostPolicies: false, networkPolicies: false };
  return {
    directory,
    keeper,
    rules: () => enforcer.protected.get('default/web')?.ruleSet?.rules.map(({ policy, message }) => `${policy} ${message}`.trim()) ?? [],
    send: (event) => answerPolicy('containerPolicy', Buffer.from(JSON.stringify(event)), options),
  };
}

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'trials-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const say = (name: string, message: string): object => {
  const { metadata, spec } = policyObject(name, '/bin/sh') as { metadata: object; spec: object };
  return { metadata, spec: { ...spec, message } };
};
const trial = (name: string, seconds: unknown = 60, message = ''): object => ({ type: 'ADDED_FOR', seconds, object: say(name, message) });
const confirm = (name: string): object => ({ type: 'CONFIRMED', object: { metadata: { name } } });

/** Makes the time of what is on trial be over for the agent that reads it next. */
function age(directory: string): void {
  const file = join(directory, '.trials.json');
  const trials = JSON.parse(readFileSync(file, 'utf8')) as { until: number }[];
  writeFileSync(file, JSON.stringify(trials.map((one) => ({ ...one, until: Date.now() - 1 }))));
}

test('a trial ends by itself: a new policy is removed, a changed one is again what it was', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const on = await node(folder(t));
  await on.send({ type: 'ADDED', object: say('a', 'old') });
  const answer = await on.send(trial('a', 60, 'new'));
  assert.deepEqual([answer.status, answer.trial], [PolicyStatus.Applied, '60']);
  assert.match(answer.reason, /its version of before comes back in 60 s/);
  assert.match((await on.send(trial('b', 30))).reason, /it is removed in 30 s/);
  assert.deepEqual(on.rules(), ['a new', 'b']);
  t.mock.timers.tick(30_000);
  await on.keeper.rescan();
  assert.deepEqual(on.rules(), ['a new']);
  t.mock.timers.tick(30_000);
  await on.keeper.rescan();
  assert.deepEqual([on.rules(), readdirSync(on.directory)], [['a old'], ['ksp.a.yaml']]);
});

test('confirmed, added for good or deleted: nothing comes back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const on = await node(folder(t));
  for (const name of ['a', 'b', 'c']) await on.send(trial(name));
  assert.deepEqual(await on.send(confirm('a')), { status: PolicyStatus.Applied, reason: '', trial: 'confirmed' });
  await on.send({ type: 'ADDED', object: say('b', '') });
  await on.send({ type: 'DELETED', object: { metadata: { name: 'c' } } });
  t.mock.timers.tick(100_000);
  await on.keeper.rescan();
  assert.deepEqual(on.rules(), ['a', 'b']);
  assert.equal((await on.send(confirm('a'))).status, PolicyStatus.NotExist);
});

test('a trial of what is on trial keeps what was before both', async (t) => {
  const directory = folder(t);
  const on = await node(directory);
  await on.send(trial('a', 60, 'one'));
  await on.send(trial('a', 60, 'two'));
  assert.deepEqual(on.rules(), ['a two']);
  age(directory);
  assert.deepEqual((await node(directory)).rules(), []);
});

test('an agent that starts later ends what is over and goes on with what is not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const directory = folder(t);
  const first = await node(directory);
  await first.send({ type: 'ADDED', object: say('a', 'old') });
  await first.send(trial('a', 60, 'new'));
  const second = await node(directory);
  assert.deepEqual(second.rules(), ['a new']);
  age(directory);
  const third = await node(directory);
  assert.deepEqual([third.rules(), readdirSync(directory)], [['a old'], ['ksp.a.yaml']]);
});

test('bounds, and a file that is none', async (t) => {
  const directory = folder(t);
  const on = await node(directory);
  for (const seconds of [0, 86_401, 1.5, '60', undefined])
    assert.equal((await on.send(trial('a', seconds ?? null))).status, PolicyStatus.Invalid);
  assert.deepEqual([on.rules(), readdirSync(directory)], [[], []]);
  for (const text of ['{}', 'x', '[{"key":1}]']) {
    writeFileSync(join(directory, '.trials.json'), text);
    await assert.rejects(node(directory), { code: 'HOST_IO', message: /holds no trials/ });
  }
});

test('a clock that was set back lengthens no trial', () => {
  const one = { key: 'k', name: 'n', path: '/p', before: undefined, until: 1_000_000, lengthMs: 60_000 };
  assert.equal(Trials.remainingMs(one, 0), 60_000);
  assert.equal(Trials.remainingMs(one, 999_000), 1_000);
  assert.equal(Trials.remainingMs(one, 2_000_000), 0);
});
