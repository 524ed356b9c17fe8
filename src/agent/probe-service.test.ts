// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyObject } from '#policy';
import { probeData } from './probe-service.ts';

/** Under which names a policy stands whose containers do not run. */
function waitsFor(selector: object): string[] {
  const object = { metadata: { name: 'p' }, spec: { selector, process: { matchPaths: [{ path: '/bin/sh' }] }, action: 'Block' } };
  const { policy, issues } = parsePolicyObject(object, { kind: 'KubeArmorClusterPolicy' });
  assert.ok(policy, JSON.stringify(issues));
  return Object.keys(probeData([], [{ policy, path: '/p', isBackup: false }]).containerMap);
}

test('a policy without a container stands under what it waits for, never under less', () => {
  assert.deepEqual(waitsFor({ matchLabels: { 'kubearmor.io/container.name': '[a, b]' } }), ['a', 'b']);
  assert.deepEqual(waitsFor({ matchLabels: { app: 'web', tier: 'x' } }), ['app=web,tier=x']);
  const expression = (key: string, operator: string, values?: readonly string[]): string[] =>
    waitsFor({ matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }] });
  assert.deepEqual(expression('label', 'In', ['app=a', 'app=b']), ['app=a|app=b']);
  assert.deepEqual(expression('namespace', 'NotIn', ['kube-system']), ['namespace!=kube-system']);
  assert.deepEqual(expression('app', 'In', ['a', 'b']), ['app=a|b']);
  assert.deepEqual(expression('app', 'Exists'), ['app']);
  assert.deepEqual(expression('app', 'DoesNotExist'), ['!app']);
});

test('a policy for every container waits for *', () => assert.deepEqual(waitsFor({}), ['*']));
