// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PolicyReviewer } from './policy-review.ts';

const policy = (name: string, spec: object): object => ({
  apiVersion: 'security.kubearmor.com/v1',
  kind: 'KubeArmorPolicy',
  metadata: { name, namespace: 'shop' },
  spec: { selector: { matchLabels: { app: 'web' } }, action: 'Block', ...spec },
});
const many = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
const paths = (count: number): object => ({ file: { matchPaths: many(count).map((i) => ({ path: `/etc/f${i}` })) } });
const NOT_LOOKED_FOR = /^rules that never decide were not looked for/;

test('lint of a review: what would take seconds is not looked for, and that is said', () => {
  const lintOf = (spec: object): string => new PolicyReviewer().lint('KubeArmorPolicy', policy('p', spec)).join();
  assert.equal(lintOf(paths(100)), '');
  const peers = many(40).map((i) => ({ protocol: 'tcp', port: `${i + 1}`, cidr: `10.0.${i}.0/24` }));
  const sources = many(250).map((i) => ({ path: `/bin/f${i}`, fromSource: [{ path: `/bin/x${i}` }] }));
  for (const costly of [paths(3_000), { network: { matchProtocols: peers } }, { process: { matchPaths: sources } }])
    assert.match(lintOf(costly), NOT_LOOKED_FOR);
});

test('lint of a review: policies beside it count', () => {
  const reviewer = new PolicyReviewer();
  for (const name of ['a', 'b', 'c']) assert.deepEqual(reviewer.upsert('KubeArmorPolicy', policy(name, paths(900))), []);
  assert.match(reviewer.lint('KubeArmorPolicy', policy('p', paths(1))).join(), NOT_LOOKED_FOR);
});
