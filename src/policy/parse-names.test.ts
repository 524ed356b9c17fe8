// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyObject } from './parse.ts';

test('a name that only hosts take is a warning', () => {
  const warned = (name: string): string[] =>
    parsePolicyObject({ metadata: { name }, spec: {} }, { kind: 'KubeArmorPolicy' }).issues.flatMap(({ severity, code }) =>
      code === 'NAME_INVALID' ? [severity] : [],
    );
  for (const name of ['a', 'a--b.c-1', '1.2']) assert.deepEqual(warned(name), [], name);
  for (const name of ['A', 'a_b', 'a..b', 'a.-b', 'a-.b']) assert.deepEqual(warned(name), ['warning'], name);
});

test('a network policy for pods of one namespace is told that a cluster has none for its kind', () => {
  const warned = (kind: string, selector: Readonly<Record<string, unknown>>): string[] =>
    parsePolicyObject({
      apiVersion: 'security.kubearmor.com/v1',
      kind,
      metadata: { name: 'p', namespace: 'shop' },
      spec: { ...selector, network: { matchProtocols: [{ protocol: 'tcp' }] } },
    }).issues.flatMap(({ at, cure }) => (at === 'metadata.namespace' ? [cure] : []));
  const pods = { selector: { matchLabels: { a: 'b' } } };
  assert.deepEqual(warned('KubeArmorNetworkPolicy', pods), [
    'add `matchExpressions: [{key: namespace, operator: In, values: [shop]}]` to the selector',
  ]);
  assert.deepEqual(warned('KubeArmorPolicy', pods), []);
  assert.deepEqual(warned('KubeArmorNetworkPolicy', { nodeSelector: { matchLabels: { a: 'b' } } }), []);
});
