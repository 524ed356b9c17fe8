// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestAfter } from './rest-after.ts';

test('after work there is a rest by how long it took, and no longer than the bound', () => {
  const rest = new RestAfter(4, 500);
  assert.equal(rest.waitMs(0), 0, 'the first begins at once');
  rest.worked(0, 10);
  assert.deepEqual([rest.waitMs(10), rest.waitMs(30), rest.waitMs(60)], [40, 20, 0]);
  rest.worked(100, 1_100);
  assert.equal(rest.waitMs(1_100), 500);
});
