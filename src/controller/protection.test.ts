// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReview } from './admission.ts';
import type { AdmissionRequest } from './admission.ts';
import { protectionWebhook } from './protection.ts';
import { reviewOf } from './testing/ask.ts';

const admit = protectionWebhook((node) => (node === 'good' ? undefined : 'no agent reports of this node'));
const request = (more: object): AdmissionRequest => {
  const read = readReview(reviewOf({ resource: { resource: 'pods' }, ...more }));
  if (typeof read === 'string') assert.fail(read);
  return read;
};
const binding = (name: unknown): object => ({ subResource: 'binding', object: { kind: 'Binding', target: { kind: 'Node', name } } });
const pod = (spec: object, mode?: string): object => ({
  metadata: mode === undefined ? {} : { annotations: { 'kubearmor-policy': mode } },
  spec,
});
const UPDATE = { operation: 'UPDATE' };

const CASES: readonly [what: string, more: object, isAllowed: boolean][] = [
  ['a binding to a node that enforces', binding('good'), true],
  ['a binding to one that does not', binding('bad'), false],
  ['a binding without a node', binding(undefined), false],
  ['a pod without a node', { object: pod({}) }, true],
  ['a pod that names a good node', { object: pod({ nodeName: 'good' }) }, true],
  ['a pod that names a bad node', { object: pod({ nodeName: 'bad' }) }, false],
  ['a pod that is on a bad node already', { ...UPDATE, object: pod({ nodeName: 'bad' }), oldObject: pod({ nodeName: 'bad' }) }, true],
  ['a pod that wants no protection', { object: pod({}, 'disabled') }, false],
  ['a pod that wants to be audited only', { object: pod({}, 'audited') }, false],
  ['a pod that wants protection', { object: pod({}, 'enabled') }, true],
  ['a pod that stops wanting it', { ...UPDATE, object: pod({}, 'disabled'), oldObject: pod({}, 'enabled') }, false],
  ['a pod that never wanted it', { ...UPDATE, object: pod({}, 'disabled'), oldObject: pod({}, 'disabled') }, true],
  ['another part of a pod', { subResource: 'status', object: pod({ nodeName: 'bad' }) }, true],
  ['another kind', { resource: { resource: 'nodes' }, object: pod({ nodeName: 'bad' }) }, true],
  ['a deletion', { operation: 'DELETE', object: null, oldObject: pod({ nodeName: 'bad' }) }, true],
];
for (const [what, more, isAllowed] of CASES)
  test(`protection webhook: ${what}`, () => assert.equal(admit(request(more)).refusal === undefined, isAllowed));

test('protection webhook: the refusal says where, why, and by whose wish', () => {
  assert.deepEqual(admit(request(binding('bad'))).refusal, {
    code: 403,
    reason: 'Forbidden',
    message:
      'the namespace shop requires enforcement (label kubearmor.io/require-enforcement), and on node bad it would start unprotected: no agent reports of this node',
  });
});
