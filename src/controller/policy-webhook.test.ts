// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import { nested } from '#policy/testing';
import { readReview } from './admission.ts';
import type { AdmissionAnswer } from './admission.ts';
import { policyWebhook } from './policy-webhook.ts';
import type { Reviewed } from './reviews.ts';
import { reviewOf } from './testing/ask.ts';

const REQUEST = { kind: { kind: 'KubeArmorPolicy' }, object: { metadata: { name: 'p' }, spec: {} } };
const PODS = { labelSelectors: ['a=b'] };

async function answer(
  reviewed: Reviewed,
  hasPod: () => Promise<boolean> = () => Promise.resolve(true),
  more: object = {},
): Promise<AdmissionAnswer> {
  const admit = policyWebhook({
    reviews: { review: () => Promise.resolve(reviewed) },
    hasPod,
    facts: () => ({ reporting: 0, lacks: [], nodes: [] }),
  });
  const request = readReview(reviewOf({ ...REQUEST, ...more }));
  if (typeof request === 'string') assert.fail(request);
  return admit(request, new AbortController().signal);
}

test('policy webhook: what there was no time for is said, and refuses nothing', async () => {
  const unchecked = await answer({ checked: undefined, lint: undefined });
  assert.equal(unchecked.refusal, undefined);
  assert.match(unchecked.warnings?.join('\n') ?? '', /no time to check it/);
  const unlinted = await answer({ checked: { warnings: ['w'] }, lint: undefined });
  assert.match(unlinted.warnings?.join('\n') ?? '', /^w\nthere was no time to compare it/);
});

test('policy webhook: what was found refuses, although there was no time for the rest', async () => {
  const refusal = { code: 422, reason: 'Invalid', message: 'm' } as const;
  assert.equal((await answer({ checked: { refusal, warnings: [] }, lint: undefined })).refusal, refusal);
});

test('policy webhook: whether there is a pod is told only where it is known', async () => {
  const reviewed = { checked: { warnings: [], pods: PODS }, lint: [] };
  assert.deepEqual((await answer(reviewed)).warnings, []);
  assert.match((await answer(reviewed, () => Promise.resolve(false))).warnings?.[0] ?? '', /no pod has these labels now/);
  const away = new KubeArmorError('API_UNREACHABLE', 'listing pods: away');
  assert.deepEqual((await answer(reviewed, () => Promise.reject(away))).warnings, []);
});

test('policy webhook: warnings are as many as the API server passes on, each once', async () => {
  const many = Array.from({ length: 50 }, (_, index) => `warning ${index}`);
  const { warnings = [] } = await answer({ checked: { warnings: [...many, ...many] }, lint: [] });
  assert.equal(warnings.length, 20);
  assert.match(warnings.at(-1) ?? '', /^and 31 more warnings/);
  const long = Array.from({ length: 18 }, (_, index) => `${index}`.padEnd(256, 'x'));
  const { warnings: cut = [] } = await answer({ checked: { warnings: long }, lint: [] });
  assert.ok(Buffer.byteLength(cut.join('')) <= 4_096 && cut.at(-1)?.startsWith('and '));
});

test('policy webhook: other kinds, parts and deletions are none of its business', async () => {
  const never: Reviewed = { checked: undefined, lint: undefined };
  for (const more of [
    { kind: { kind: 'Pod' } },
    { kind: { kind: 'constructor' } },
    { subResource: 'status' },
    { operation: 'DELETE' },
    { object: null },
  ])
    assert.deepEqual(await answer(never, undefined, more), {}, JSON.stringify(more));
});

test('policy webhook: what nests too deep is refused, and left alone where it was so before', async () => {
  const deep = { metadata: { name: 'p' }, spec: { x: nested(5_000) } };
  const reviewed = { checked: { warnings: [] }, lint: [] };
  for (const more of [{ object: deep }, { operation: 'UPDATE', object: deep, oldObject: REQUEST.object }]) {
    const { refusal } = await answer(reviewed, undefined, more);
    assert.equal(refusal?.code, 422);
    assert.match(refusal?.message ?? '', /^KubeArmorPolicy p cannot be honoured, 1 problem:\n.*more than 64 levels/);
  }
  const finalizer = { operation: 'UPDATE', object: deep, oldObject: { ...deep, metadata: { name: 'p', finalizers: ['x'] } } };
  assert.deepEqual(await answer(reviewed, undefined, finalizer), {});
  assert.equal((await answer(reviewed, undefined, { operation: 'UPDATE', oldObject: deep })).refusal, undefined);
});
