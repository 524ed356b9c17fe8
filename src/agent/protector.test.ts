// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError, noLogger } from '#base';
import { LIMITS } from '#policy';
import type { Policy } from '#policy';
import { Protector } from './protector.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound, plainRoot, policy } from './testing/samples.ts';

function open(): { enforcer: FakeEnforcer; protector: Protector } {
  const enforcer = new FakeEnforcer();
  return { enforcer, protector: new Protector({ enforcer, logger: noLogger, openRoot: plainRoot }) };
}
const names = (protector: Protector): string[] =>
  protector.status().map(({ workload, policies }) => `${workload.containerName}: ${policies.map(({ name }) => name).join()}`);

/** Twice half of all rules and one more. */
function huge(name: string): Policy {
  const one = policy(name);
  const rule = one.rules[0]!;
  return { ...one, rules: Array.from({ length: LIMITS.rulesPerWorkload.value / 2 + 1 }, () => rule) };
}

test('a workload is protected by what selects it, from the moment it is bound', () => {
  const { enforcer, protector } = open();
  protector.apply([policy('a'), policy('b', '/bin/cat', 'db')]);
  protector.bind(bound());
  protector.bind(bound('idle'));
  assert.deepEqual(names(protector), ['web: a', 'idle: ']);
  assert.equal(enforcer.protected.get('default/web')?.ruleSet?.rules[0]?.policy, 'a');
  assert.equal(enforcer.protected.get('default/idle')?.ruleSet, undefined);
});

test('a namespace that a container has by its label, or by its pod, does not lead it out of container policies', () => {
  const { protector } = open();
  const cluster = (value: string): Policy => {
    const expression = { kind: 'namespace', operator: 'In', values: [value] } as const;
    const one = policy(`c-${value}`);
    return { ...one, kind: 'KubeArmorClusterPolicy', namespace: '', selector: { ...one.selector, matchExpressions: [expression] } };
  };
  protector.apply([policy('a'), cluster('shop'), cluster('container_namespace')]);
  protector.bind(bound('web', { workload: { ...bound().workload, namespace: 'shop', labels: { 'kubearmor.io/namespace': 'shop' } } }));
  assert.deepEqual(names(protector), ['web: a,c-shop']);
  assert.equal(protector.status()[0]?.workload.namespace, 'shop', 'events and cluster policies name it so');
});

test('a change of policies touches those alone that it concerns', () => {
  const { enforcer, protector } = open();
  const [a, b] = [policy('a'), policy('b', '/bin/cat', 'db')];
  protector.bind(bound());
  protector.bind(bound('db'));
  protector.apply([a]);
  enforcer.calls.length = 0;
  assert.deepEqual(protector.apply([a, b]), []);
  assert.deepEqual(enforcer.calls, ['protect default/db 1']);
  protector.apply([b]);
  assert.deepEqual(enforcer.calls.slice(1), ['protect default/web none']);
});

test('a workload whose labels or postures change is judged anew; one that is gone is released and still known', () => {
  const { enforcer, protector } = open();
  protector.apply([policy('a')]);
  protector.bind(bound());
  const { workload } = bound();
  protector.bind(bound('web', { workload: { ...workload, containerName: 'other' } }));
  assert.deepEqual(names(protector), ['other: ']);
  protector.bind(bound('web', { workload: { ...workload, postures: { ...workload.postures, file: 'block' } } }));
  assert.deepEqual(enforcer.calls, ['protect default/web 1', 'protect default/web none', 'protect default/web 1']);
  protector.unbind('default/web');
  protector.unbind('default/web');
  assert.deepEqual(enforcer.calls.slice(3), ['release default/web']);
  assert.equal(protector.workloadOf(1)?.containerName, 'web');
  assert.equal(protector.workloadOf(2), undefined);
});

test('a plan refuses what exceeds a limit, and saves a second compilation', () => {
  const { enforcer, protector } = open();
  protector.bind(bound());
  const tooMuch = protector.plan([huge('a'), huge('b')]);
  assert.ok('refused' in tooMuch && /more than 20000 rules per workload of web/.test(tooMuch.refused), JSON.stringify(tooMuch));
  const a = policy('a');
  const plan = protector.plan([a]);
  assert.ok('items' in plan);
  assert.equal(enforcer.calls.length, 1, 'nothing is in force by a plan');
  assert.deepEqual(protector.apply([a], plan), []);
  assert.deepEqual(enforcer.calls, ['protect default/web none', 'protect default/web 1']);
});

test('beyond a limit the rules of before stay; a new workload gets the policies that fit', () => {
  const { protector } = open();
  const [a, b] = [huge('a'), huge('b')];
  protector.bind(bound());
  protector.apply([a]);
  assert.match(protector.apply([a, b]).join(), /web: more than 20000/);
  assert.deepEqual(names(protector), ['web: a']);
  protector.bind(bound('second', { workload: { ...bound().workload, id: 'second' } }));
  assert.match(protector.status()[1]?.problem ?? '', /not in force: KubeArmorPolicy container_namespace\/b/);
  assert.deepEqual(names(protector), ['web: a', 'web: a']);
  assert.deepEqual(protector.apply([a]), [], 'healed');
});

test('where the kernel refuses the rules of before stay, and the next change tries again', () => {
  const { enforcer, protector } = open();
  const a = policy('a');
  protector.bind(bound());
  enforcer.failure = new KubeArmorError('KERNEL_CALL', 'updating a map: ENOMEM');
  assert.deepEqual(protector.apply([a]), ['web: updating a map: ENOMEM']);
  enforcer.failure = undefined;
  assert.deepEqual(protector.apply([a]), []);
  assert.deepEqual(names(protector), ['web: a']);
});
