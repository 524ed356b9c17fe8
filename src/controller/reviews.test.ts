// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import { nested } from '#policy/testing';
import type { NodesFacts } from './policy-review.ts';
import type { ReviewOrder, ReviewWord } from './review-thread.ts';
import { Reviews } from './reviews.ts';
import type { StartThread } from './reviews.ts';
import { reviewThreadOf } from './start-review-thread.ts';

const FACTS: NodesFacts = { reporting: 0, lacks: [], nodes: [] };
const POLICY = {
  apiVersion: 'security.kubearmor.com/v1',
  kind: 'KubeArmorPolicy',
  metadata: { name: 'p', namespace: 'shop' },
  spec: { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/etc/shadow' }] }, action: 'Block' },
};
const STORED = { ref: 'ksp/shop/p', kind: 'KubeArmorPolicy', generation: 1, object: POLICY } as const;
const never = new AbortController().signal;

/** A thread whose words a test says. */
class Puppet {
  readonly orders: ReviewOrder[] = [];
  starts = 0;
  say: (word: ReviewWord) => void = () => {};
  end: (cause: unknown) => void = () => {};

  readonly start: StartThread = (onWord, onEnd) => {
    this.starts++;
    this.say = onWord;
    this.end = onEnd;
    return { post: (order) => void this.orders.push(order), close: () => onEnd('closed') };
  };

  get reviewing(): readonly number[] {
    return this.orders.flatMap((order) => (order.order === 'review' ? [order.id] : []));
  }
}

test('Reviews: one at a time, in order', async () => {
  const puppet = new Puppet();
  using reviews = new Reviews(puppet.start, () => {}, noLogger);
  const [first, second] = [1, 2].map(() => reviews.review('KubeArmorPolicy', POLICY, FACTS, never));
  assert.deepEqual(puppet.reviewing, [1]);
  puppet.say({ word: 'checked', id: 1, checked: { warnings: ['w'] } });
  puppet.say({ word: 'done', id: 1, lint: ['l'] });
  assert.deepEqual(await first, { checked: { warnings: ['w'] }, lint: ['l'] });
  assert.deepEqual(puppet.reviewing, [1, 2]);
  puppet.say({ word: 'done', id: 2, lint: [] });
  assert.deepEqual(await second, { checked: undefined, lint: [] });
  assert.equal(reviews.pending, 0);
});

test('Reviews: when the time is over there is an answer with what is known, and none is begun in vain', async () => {
  const puppet = new Puppet();
  using reviews = new Reviews(puppet.start, () => {}, noLogger);
  const late = new AbortController();
  const [first, second, third] = [late.signal, late.signal, never].map((signal) =>
    reviews.review('KubeArmorPolicy', POLICY, FACTS, signal),
  );
  puppet.say({ word: 'checked', id: 1, checked: { warnings: ['w'] } });
  late.abort();
  assert.deepEqual(await first, { checked: { warnings: ['w'] }, lint: undefined });
  assert.deepEqual(await second, { checked: undefined, lint: undefined });
  assert.deepEqual(puppet.reviewing, [1], 'the thread is still busy');
  puppet.say({ word: 'done', id: 1, lint: [] });
  assert.deepEqual(puppet.reviewing, [1, 3]);
  puppet.say({ word: 'done', id: 3, lint: [] });
  await third;
  assert.deepEqual(await reviews.review('KubeArmorPolicy', POLICY, FACTS, late.signal), { checked: undefined, lint: undefined });
});

test('Reviews: a thread that ends is started again with the policies, and what ended it is not tried again', async () => {
  const puppet = new Puppet();
  using reviews = new Reviews(puppet.start, () => {}, noLogger);
  reviews.upsert(STORED);
  reviews.upsert({ ...STORED, ref: 'ksp/shop/q' });
  reviews.remove('ksp/shop/q');
  const first = reviews.review('KubeArmorPolicy', POLICY, FACTS, never);
  const second = reviews.review('KubeArmorPolicy', POLICY, FACTS, never);
  puppet.orders.length = 0;
  puppet.end(new Error('out of memory'));
  assert.deepEqual(await first, { checked: undefined, lint: undefined });
  assert.equal(puppet.starts, 2);
  assert.deepEqual(
    puppet.orders.map((order) => (order.order === 'review' ? order.id : order.ref)),
    ['ksp/shop/p', 2],
  );
  puppet.say({ word: 'done', id: 2, lint: [] });
  await second;
});

test('Reviews: when it is closed everybody is answered, and no thread is started', async () => {
  const puppet = new Puppet();
  const reviews = new Reviews(puppet.start, () => {}, noLogger);
  const first = reviews.review('KubeArmorPolicy', POLICY, FACTS, never);
  reviews[Symbol.dispose]();
  assert.deepEqual(await first, { checked: undefined, lint: undefined });
  assert.equal(puppet.starts, 1);
});

test('Reviews: a real thread of the program itself', async () => {
  const taken = Promise.withResolvers<readonly string[]>();
  using reviews = new Reviews(
    reviewThreadOf(new URL('main.ts', import.meta.url)),
    (_ref, _generation, problems) => taken.resolve(problems),
    noLogger,
  );
  reviews.upsert(STORED);
  assert.deepEqual(await taken.promise, []);
  const wrong = { ...POLICY, spec: { ...POLICY.spec, action: 'Blok' } };
  const { checked } = await reviews.review('KubeArmorPolicy', wrong, FACTS, never);
  assert.match(checked?.refusal?.message ?? '', /did you mean `Block`/);
});

test('Reviews: what the thread cannot be given is answered, and the next one is reviewed', async () => {
  const puppet = new Puppet();
  const logged: string[] = [];
  const logger = { ...noLogger, error: (message: string) => void logged.push(message) };
  const start: StartThread = (onWord, onEnd) => {
    const port = puppet.start(onWord, onEnd);
    return { ...port, post: (order) => port.post(structuredClone(order)) };
  };
  using reviews = new Reviews(start, () => {}, logger);
  const unsent = await reviews.review('KubeArmorPolicy', { ...POLICY, spec: nested(5_000) }, FACTS, never);
  assert.deepEqual(unsent, { checked: undefined, lint: undefined });
  assert.equal(reviews.pending, 0);
  assert.match(logged.join(), /could not be given to the review thread/);
  const next = reviews.review('KubeArmorPolicy', POLICY, FACTS, never);
  assert.deepEqual(puppet.reviewing, [2]);
  puppet.say({ word: 'done', id: 2, lint: [] });
  await next;
});

test('Reviews: a policy of the cluster that nests too deep has a problem, also after a new start, and the thread never sees it', () => {
  const puppet = new Puppet();
  const told: string[] = [];
  using reviews = new Reviews(puppet.start, (ref, generation, problems) => told.push(`${ref} ${generation} ${problems.join()}`), noLogger);
  reviews.upsert({ ...STORED, object: { ...POLICY, spec: { x: nested(5_000) } } });
  puppet.end('gone');
  assert.deepEqual(puppet.orders, []);
  assert.equal(told.length, 2);
  for (const line of told) assert.match(line, /^ksp\/shop\/p 1 the document has more than 64 levels/);
});

test('Reviews: a policy that cannot be posted for another reason has a problem too', () => {
  const told: string[] = [];
  const start: StartThread = () => ({
    post: () => {
      throw new RangeError('too big');
    },
    close: () => {},
  });
  using reviews = new Reviews(start, (_ref, _generation, problems) => told.push(...problems), noLogger);
  reviews.upsert(STORED);
  assert.deepEqual(told, ['the controller could not look at it: its log says why']);
});
