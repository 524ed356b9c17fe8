// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from './duration.ts';

test('durations as Go writes them', () => {
  assert.equal(parseDuration('60s'), 60_000);
  assert.equal(parseDuration('1h1m1.5s'), 3_661_500);
  assert.equal(parseDuration('250ms'), 250);
  for (const wrong of ['', '60', 's', '-1s', '1d', '1s ', '1 s', '1us', '1.s', '.5s']) assert.equal(parseDuration(wrong), undefined, wrong);
});
