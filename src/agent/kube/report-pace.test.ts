// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReportPace } from './report-pace.ts';

/** Times in seconds of what is written by somebody who always has something to say and looks every second. */
function written(policies: number, seconds: number, tookMs = 0): number[] {
  const pace = new ReportPace();
  return Array.from({ length: seconds }, (_, second) => second).filter((second) => {
    const may = pace.mayWrite(second * 1_000);
    if (may) pace.wrote(second * 1_000, policies, tookMs);
    return may;
  });
}

test('a small report is written whenever there is something to say', () => {
  assert.equal(written(100, 60).length, 60);
});

test('of a thousand policies: four at once, then one in ten seconds', () => {
  assert.deepEqual(written(1_000, 41), [0, 1, 2, 3, 10, 20, 30, 40]);
});

test('an API server that takes long is asked seldom, however few policies there are', () => {
  assert.equal(written(1, 60, 50).length, 60);
  assert.deepEqual(written(1, 31, 500), [0, 1, 2, 3, 10, 20, 30]);
});

test('however many there are, it may speak before its Lease is to be renewed', () => {
  const times = written(20_000, 200).slice(4);
  assert.deepEqual(new Set(times.slice(1).map((time, i) => time - (times[i] ?? 0))), new Set([12]));
});

test('after a while of silence it may speak at once again', () => {
  const pace = new ReportPace();
  for (let i = 0; i < 4; i++) pace.wrote(0, 1_000, 0);
  assert.equal(pace.mayWrite(9_999), false);
  for (const atMs of [40_000, 40_000, 40_000, 40_000]) {
    assert.equal(pace.mayWrite(atMs), true);
    pace.wrote(atMs, 1_000, 0);
  }
  assert.equal(pace.mayWrite(40_000), false);
});
