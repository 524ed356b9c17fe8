// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseAges } from './lease-age.ts';

const at = (seconds: number): string => new Date(seconds * 1_000).toISOString();
const moment = (steady: number, wall: number): { steadyMs: number; wallMs: number } => ({ steadyMs: steady * 1_000, wallMs: wall * 1_000 });

test('LeaseAges: a renewal that was watched is fresh for a minute by the steady clock, whatever the times of day are', () => {
  const ages = new LeaseAges();
  ages.observe('a', at(50_000), moment(10, 1_000), true);
  assert.equal(ages.isFresh('a', 69_999), true);
  assert.equal(ages.isFresh('a', 70_000), false);
  ages.observe('a', at(3), moment(80, 900_000), true);
  assert.equal(ages.isFresh('a', 139_999), true);
});

test('LeaseAges: the same time again is no renewal', () => {
  const ages = new LeaseAges();
  ages.observe('a', at(1_000), moment(10, 1_000), true);
  ages.observe('a', at(1_000), moment(60, 1_050), true);
  ages.observe('a', at(1_000), moment(60, 1_050), false);
  assert.equal(ages.isFresh('a', 70_000), false);
});

test('LeaseAges: one that nobody watched is aged by the times of day', () => {
  const ages = new LeaseAges();
  ages.observe('old', at(1_000), moment(10, 1_059), false);
  ages.observe('dead', at(1_000), moment(10, 1_060), false);
  ages.observe('ahead', at(9_000), moment(10, 1_000), false);
  ages.observe('odd', 'yesterday', moment(10, 1_000), false);
  assert.deepEqual(
    ages.names.map((name) => ages.isFresh(name, 10_000)),
    [true, false, true, false],
  );
  assert.equal(ages.nextStaleMs(10_000), 11_000);
  assert.equal(ages.nextStaleMs(11_000), 70_000);
  ages.forget('ahead');
  assert.equal(ages.nextStaleMs(11_000), undefined);
  assert.equal(ages.isFresh('ahead', 11_000), false);
});
