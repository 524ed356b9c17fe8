// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { KubeArmorError, noLogger } from '#base';
import { PolicyStatus } from '#wire';
import { folderBackups } from './policy-files.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import { answerPolicy } from './policy-requests.ts';
import type { Answer, PolicyMethod, PolicyRequestOptions } from './policy-requests.ts';
import { Protector } from './protector.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound, plainRoot, policyObject } from './testing/samples.ts';

interface Node extends Omit<PolicyRequestOptions, 'keeper'> {
  readonly enforcer: FakeEnforcer;
  readonly keeper: PolicyKeeper;
  readonly directory: string;
}

function node(
  t: TestContext,
  over: Partial<Omit<PolicyRequestOptions, 'keeper'>> = {},
  directory = mkdtempSync(join(tmpdir(), 'policies-')),
): Node {
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const enforcer = new FakeEnforcer();
  const protector = new Protector({ enforcer, logger: noLogger, openRoot: plainRoot });
  const kinds = new Set(['KubeArmorPolicy', 'KubeArmorClusterPolicy', 'KubeArmorNetworkPolicy'] as const);
  const keeper = new PolicyKeeper({ directory, backups: folderBackups(directory), protector, kinds, logger: noLogger });
  protector.bind(bound());
  return { enforcer, keeper, directory, containerPolicies: true, hostPolicies: true, networkPolicies: true, ...over };
}
const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const send = (on: Node, type: string, object: unknown, method: PolicyMethod = 'containerPolicy'): Promise<Answer> =>
  answerPolicy(method, bytes({ type, object }), on);
const rulesOf = (on: Node): string[] =>
  on.enforcer.protected.get('default/web')?.ruleSet?.rules.map(({ policy, field }) => `${policy} ${field}`) ?? [];

test('a policy is in force and on the disk when the answer comes, and gone when its end is answered', async (t) => {
  const on = node(t);
  assert.equal((await send(on, 'ADDED', policyObject('a', '/bin/sh'))).status, PolicyStatus.Applied);
  assert.deepEqual(rulesOf(on), ['a spec.process.matchPaths[0]']);
  assert.deepEqual(readdirSync(on.directory), ['ksp.a.yaml']);
  assert.equal((await send(on, 'DELETED', { metadata: { name: 'a' } })).status, PolicyStatus.Deleted);
  assert.deepEqual([rulesOf(on), readdirSync(on.directory)], [[], []]);
});

test('the same name in other kinds is another policy', async (t) => {
  const on = node(t);
  const cluster = {
    kind: 'KubeArmorClusterPolicy',
    apiVersion: 'security.kubearmor.com/v1',
    metadata: { name: 'a' },
    spec: {
      selector: { matchExpressions: [{ key: 'namespace', operator: 'In', values: ['container_namespace'] }] },
      process: { matchPaths: [{ path: '/bin/c' }] },
    },
  };
  await send(on, 'ADDED', policyObject('a', '/bin/sh'));
  assert.deepEqual(await send(on, 'ADDED', cluster), { status: PolicyStatus.Applied, reason: '' });
  assert.equal(rulesOf(on).length, 2);
  assert.deepEqual(readdirSync(on.directory), ['csp.a.yaml', 'ksp.a.yaml']);
  await send(on, 'DELETED', { metadata: { name: 'a' } });
  assert.deepEqual(readdirSync(on.directory), ['csp.a.yaml']);
});

test('a refusal with many problems tells the first ones and how many more there are', async (t) => {
  const spec = { ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`unknown${i}`, 1])), selector: { matchLabels: { a: 'b' } } };
  const { status, reason } = await send(node(t), 'ADDED', { metadata: { name: 'many' }, spec });
  assert.equal(status, PolicyStatus.Invalid);
  assert.ok(reason.length < 2_000, String(reason.length));
  const shown = reason.split('\n').length - 1;
  assert.match(reason, new RegExp(`unknown0[^]*\nand ${300 - shown} more$`));
});

test('a restart finds the policies of the RPC, KubeArmor’s own backups too', async (t) => {
  const first = node(t);
  await send(first, 'ADDED', policyObject('a', '/bin/sh'));
  writeFileSync(join(first.directory, 'old.yaml'), JSON.stringify({ kind: 'KubeArmorPolicy', ...policyObject('old', '/bin/cat') }));
  const second = node(t, {}, first.directory);
  await second.keeper.rescan();
  assert.deepEqual(
    rulesOf(second).map((rule) => rule.split(' ')[0]),
    ['a', 'old'],
  );
  assert.equal((await send(second, 'DELETED', { metadata: { name: 'old' } })).status, PolicyStatus.Deleted);
  assert.ok(!existsSync(join(first.directory, 'old.yaml')));
});

test('a policy of an operator’s file is not the RPC’s to change', async (t) => {
  const on = node(t);
  const file = join(on.directory, 'mine.yaml');
  writeFileSync(
    file,
    `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: a}\nspec: {process: {matchPaths: [{path: /x}]}}\n`,
  );
  await on.keeper.rescan();
  for (const type of ['ADDED', 'MODIFIED', 'DELETED']) {
    const { status, reason } = await send(on, type, policyObject('a', '/bin/sh'));
    assert.deepEqual([status, reason.includes(file)], [PolicyStatus.Failure, true]);
  }
  assert.ok(existsSync(file));
});

test('where the disk is full nothing is lost', async (t) => {
  const on = node(t);
  await send(on, 'ADDED', policyObject('a', '/bin/sh'));
  const before = rulesOf(on);
  const full: PolicyKeeper = on.keeper;
  const failing = new PolicyKeeper({
    directory: on.directory,
    backups: {
      ...folderBackups(on.directory),
      save: () => Promise.reject(new KubeArmorError('HOST_IO', 'writing: ENOSPC')),
      remove: () => Promise.reject(new KubeArmorError('HOST_IO', 'removing: EROFS')),
    },
    protector: new Protector({ enforcer: on.enforcer, logger: noLogger, openRoot: plainRoot }),
    kinds: new Set(['KubeArmorPolicy'] as const),
    logger: noLogger,
  });
  await failing.rescan();
  assert.deepEqual(await send({ ...on, keeper: failing }, 'ADDED', policyObject('b', '/bin/b')), {
    status: PolicyStatus.Failure,
    reason: 'writing: ENOSPC',
  });
  assert.deepEqual(await send({ ...on, keeper: failing }, 'MODIFIED', policyObject('a', '/bin/b')), {
    status: PolicyStatus.Failure,
    reason: 'writing: ENOSPC',
  });
  assert.deepEqual(await send({ ...on, keeper: failing }, 'DELETED', policyObject('a', '/bin/b')), {
    status: PolicyStatus.Failure,
    reason: 'removing: EROFS',
  });
  assert.deepEqual(rulesOf(on), before);
  assert.deepEqual(
    failing.policies().map(({ policy }) => policy.name),
    ['a'],
  );
  assert.equal(full.policies().length, 1);
});

test('where the kernel refuses the answer is Failure and the disk as before', async (t) => {
  const on = node(t);
  await send(on, 'ADDED', policyObject('a', '/bin/sh'));
  const kept = readFileSync(join(on.directory, 'ksp.a.yaml'), 'utf8');
  on.enforcer.failure = new KubeArmorError('KERNEL_CALL', 'ENOMEM');
  assert.equal((await send(on, 'ADDED', policyObject('b', '/bin/b'))).status, PolicyStatus.Failure);
  assert.equal((await send(on, 'MODIFIED', policyObject('a', '/bin/b'))).status, PolicyStatus.Failure);
  on.enforcer.failure = undefined;
  assert.deepEqual(readdirSync(on.directory), ['ksp.a.yaml']);
  assert.equal(readFileSync(join(on.directory, 'ksp.a.yaml'), 'utf8'), kept);
  assert.deepEqual(rulesOf(on), ['a spec.process.matchPaths[0]']);
});

test('beyond a limit: Invalid with the number; what is beyond one already does not stand in the way of others', async (t) => {
  const on = node(t);
  const many = (name: string, count: number, container = 'web'): object => ({
    metadata: { name },
    spec: {
      selector: { matchLabels: { 'kubearmor.io/container.name': container } },
      file: { matchPaths: Array.from({ length: count }, (_, i) => ({ path: `/${name}/${i}` })) },
    },
  });
  assert.equal((await send(on, 'ADDED', many('a', 9_000))).status, PolicyStatus.Applied);
  assert.equal((await send(on, 'ADDED', many('b', 9_000))).status, PolicyStatus.Applied);
  const third = await send(on, 'ADDED', many('c', 3_000));
  assert.deepEqual([third.status, third.reason], [PolicyStatus.Invalid, 'more than 20000 rules per workload of web']);
  assert.equal(rulesOf(on).length, 18_000);
  const file = { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy', ...many('c', 3_000) };
  writeFileSync(join(on.directory, 'c.json'), JSON.stringify([file]).slice(1, -1));
  await on.keeper.rescan();
  assert.match(on.keeper.status().workloads.join(), /web: more than 20000/);
  assert.equal(rulesOf(on).length, 18_000);
  assert.equal((await send(on, 'ADDED', many('d', 1, 'other'))).status, PolicyStatus.Applied);
  assert.equal((await send(on, 'DELETED', { metadata: { name: 'd' } })).status, PolicyStatus.Deleted);
  assert.equal((await send(on, 'DELETED', { metadata: { name: 'b' } })).status, PolicyStatus.Deleted);
  assert.equal(rulesOf(on).length, 12_000, 'and what waited is in force');
});

const refused: readonly (readonly [name: string, method: PolicyMethod, sent: unknown, status: PolicyStatus, says: RegExp])[] = [
  ['no JSON', 'containerPolicy', '{', PolicyStatus.Invalid, /no JSON/],
  ['no UTF-8', 'containerPolicy', { type: 'ADDED', object: policyObject('x\ud800', '/x') }, PolicyStatus.Invalid, /metadata.name/],
  [
    'an unknown field',
    'containerPolicy',
    { type: 'ADDED', object: { metadata: { name: 'x' }, spec: { nosuch: 1 } } },
    PolicyStatus.Invalid,
    /nosuch/,
  ],
  ['a document beyond the limit', 'containerPolicy', ' '.repeat(1_048_577), PolicyStatus.Invalid, /1048577 bytes/],
  ['deep nesting', 'containerPolicy', '['.repeat(1_000_000), PolicyStatus.Invalid, /no JSON/],
  ['an unknown type', 'containerPolicy', { type: 'BOGUS', object: policyObject('x', '/x') }, PolicyStatus.Modified, /nothing was changed/],
];
for (const [name, method, sent, status, says] of refused) {
  test(`${name} changes nothing and says why`, async (t) => {
    const on = node(t);
    const got = await answerPolicy(method, bytes(sent), on);
    assert.equal(got.status, status, got.reason);
    assert.match(got.reason, says);
    assert.deepEqual(readdirSync(on.directory), []);
  });
}

test('switched off: container policies are kept, others are NotEnabled', async (t) => {
  const on = node(t, { containerPolicies: false, hostPolicies: false, networkPolicies: false });
  const got = await send(on, 'ADDED', policyObject('a', '/bin/sh'));
  assert.deepEqual([got.status, /not in force/.test(got.reason)], [PolicyStatus.Applied, true]);
  assert.equal((await send(on, 'ADDED', policyObject('a', '/bin/sh'), 'hostPolicy')).status, PolicyStatus.NotEnabled);
  assert.equal((await send(on, 'ADDED', policyObject('a', '/bin/sh'), 'networkPolicy')).status, PolicyStatus.NotEnabled);
});
