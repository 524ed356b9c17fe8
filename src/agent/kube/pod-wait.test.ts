// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bound } from '../testing/samples.ts';
import { PodWait } from './pod-wait.ts';

function open(): { waits: PodWait; told: string[]; known: Set<string> } {
  const told: string[] = [];
  const known = new Set<string>();
  const waits = new PodWait({
    isKnown: ({ key }) => known.has(key),
    bind: ({ key, hadStarted, initPid }) => void told.push(`${key} ${hadStarted} ${initPid}`),
  });
  return { waits, told, known };
}

test('what starts waits until its pod is known, or for two seconds; what runs does not', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { waits, told, known } = open();
  waits.offer(bound('runs', { hadStarted: true }));
  waits.offer(bound('a'));
  waits.offer(bound('b'));
  assert.deepEqual(told, ['default/runs true 7']);
  known.add('default/a');
  waits.review();
  assert.deepEqual(told.splice(0), ['default/runs true 7', 'default/a false 7']);
  t.mock.timers.tick(1_999);
  assert.deepEqual(told, []);
  t.mock.timers.tick(1);
  assert.deepEqual(told.splice(0), ['default/b false 7']);
  t.mock.timers.tick(60_000);
  assert.deepEqual([told, waits.keys()], [[], []], 'each is bound once');
});

test('what changes meanwhile counts, what goes away does not come back', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { waits, told } = open();
  waits.offer(bound('a'));
  waits.offer(bound('gone'));
  assert.equal(waits.change(bound('a', { initPid: 8, hadStarted: true })), true);
  assert.equal(waits.change(bound('other')), false, 'it does not wait: its change is to be bound at once');
  waits.drop('default/gone');
  t.mock.timers.tick(2_000);
  assert.deepEqual(told, ['default/a false 8'], 'its own code has not run yet');
  waits.offer(bound('late'));
  waits.stop();
  t.mock.timers.tick(2_000);
  assert.equal(told.length, 1);
});
