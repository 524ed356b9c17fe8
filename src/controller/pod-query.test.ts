// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyObject } from '#policy';
import { podQuery } from './pod-query.ts';
import type { PodQuery } from './pod-query.ts';

function queryOf(selector: object, kind = 'KubeArmorClusterPolicy', namespace?: string): PodQuery | undefined {
  const metadata = { name: 'p', ...(namespace === undefined ? {} : { namespace }) };
  const object = { apiVersion: 'security.kubearmor.com/v1', kind, metadata, spec: { ...selector, file: { matchPaths: [{ path: '/x' }] } } };
  const { policy, issues } = parsePolicyObject(object);
  assert.ok(policy !== undefined, JSON.stringify(issues));
  return podQuery(policy);
}
const expressions = (...matchExpressions: object[]): object => ({ selector: { matchExpressions } });

const CASES: readonly [what: string, selector: object, expected: readonly string[] | undefined][] = [
  ['labels', { selector: { matchLabels: { app: 'web', tier: 'x' } } }, ['app=web,tier=x']],
  ['nothing', { selector: {} }, undefined],
  ['a container’s name alone', { selector: { matchLabels: { 'kubearmor.io/container.name': '[a]' } } }, undefined],
  ['namespaces alone', expressions({ key: 'namespace', operator: 'In', values: ['a'] }), undefined],
  ['pairs', expressions({ key: 'label', operator: 'In', values: ['a=b', 'c=d'] }), ['a=b', 'c=d']],
  ['not these pairs', expressions({ key: 'label', operator: 'NotIn', values: ['a=b', 'c=d'] }), ['a!=b,c!=d']],
  ['too many pairs', expressions({ key: 'label', operator: 'In', values: ['a=b', 'c=d', 'e=f', 'g=h', 'i=j'] }), undefined],
  ['values', expressions({ key: 'app', operator: 'In', values: ['a', 'b'] }), ['app in (a,b)']],
  ['not these values', expressions({ key: 'app', operator: 'NotIn', values: ['a'] }), ['app notin (a)']],
  ['there', expressions({ key: 'app', operator: 'Exists' }), ['app']],
  ['not there', expressions({ key: 'app', operator: 'DoesNotExist' }), ['!app']],
  ['what no label can be', { selector: { matchLabels: { app: 'a,b=c' } } }, undefined],
];
for (const [what, selector, expected] of CASES) {
  test(`podQuery: ${what}`, () => assert.deepEqual(queryOf(selector), expected === undefined ? undefined : { labelSelectors: expected }));
}

test('podQuery: in its namespace; not of nodes', () => {
  assert.deepEqual(queryOf({ selector: { matchLabels: { a: 'b' } } }, 'KubeArmorPolicy', 'shop'), {
    namespace: 'shop',
    labelSelectors: ['a=b'],
  });
  assert.equal(queryOf({ nodeSelector: { matchLabels: { a: 'b' } } }, 'KubeArmorHostPolicy'), undefined);
});
