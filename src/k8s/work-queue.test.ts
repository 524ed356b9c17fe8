// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import { WorkQueue } from './work-queue.ts';

const QUICK = { firstMs: 1, maxMs: 4 };

test('WorkQueue: a key added many times is worked on once; while it is worked on, once more', async () => {
  const stop = new AbortController();
  const done: string[] = [];
  const queue = new WorkQueue({
    work: async (key) => {
      done.push(key);
      if (key === 'a' && done.length === 1) {
        queue.add('a');
        queue.add('a');
        await Promise.resolve();
      }
      if (key === 'end') stop.abort();
    },
  });
  for (const key of ['a', 'a', 'b', 'a']) queue.add(key);
  assert.equal(queue.length, 2);
  queue.add('c');
  queue.addAfter('end', 20);
  await queue.run(stop.signal);
  assert.deepEqual(done, ['a', 'b', 'c', 'a', 'end']);
});

test('WorkQueue: several workers, never two at one key; the end waits for what has begun', async () => {
  const stop = new AbortController();
  const busy = new Set<string>();
  let most = 0;
  let done = 0;
  const queue = new WorkQueue({
    workers: 3,
    work: async (key) => {
      assert.ok(!busy.has(key), `two at ${key}`);
      busy.add(key);
      most = Math.max(most, busy.size);
      if (done < 20) queue.add(key);
      await new Promise((resolve) => setImmediate(resolve));
      busy.delete(key);
      if (++done === 20) stop.abort();
    },
  });
  for (const key of ['a', 'b']) queue.add(key);
  await queue.run(stop.signal);
  assert.equal(most, 2);
  assert.equal(busy.size, 0);
});

test('WorkQueue: a key that fails comes again after growing pauses; a success forgets them', async () => {
  const stop = new AbortController();
  const told: unknown[] = [];
  let tries = 0;
  const silent = (): void => {};
  const queue = new WorkQueue({
    pauses: QUICK,
    logger: { debug: silent, info: silent, error: silent, warn: (message, context) => told.push([message, context?.['failures']]) },
    work: () => {
      tries++;
      if (tries === 5) stop.abort();
      if (tries === 3) queue.addAfter('a', 1);
      return tries === 3 || tries === 5 ? Promise.resolve() : Promise.reject(new KubeArmorError('API_CONFLICT', 'not yet'));
    },
  });
  queue.add('a');
  await queue.run(stop.signal);
  assert.deepEqual(told, [
    ['not yet', 1],
    ['not yet', 2],
    ['not yet', 1],
  ]);
});

test('WorkQueue: a bug in the work ends the queue', async () => {
  const queue = new WorkQueue({ workers: 2, work: () => Promise.reject(new TypeError('bug')) });
  queue.add('a');
  await assert.rejects(queue.run(new AbortController().signal), /bug/);
});

test('WorkQueue: workers that waited together are all woken', async () => {
  const stop = new AbortController();
  const both = Promise.withResolvers<void>();
  let begun = 0;
  const queue = new WorkQueue({
    workers: 2,
    work: async () => {
      if (++begun === 2) both.resolve();
      await both.promise;
      if (++begun === 4) stop.abort();
    },
  });
  const running = queue.run(stop.signal);
  await new Promise((resolve) => setImmediate(resolve));
  queue.addAfter('a', 1);
  queue.addAfter('b', 5);
  await running;
  assert.equal(begun, 4);
});
