// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestWord } from './nearest-word.ts';

test('nearestWord: a third of the letters may differ, one always; case and a swap count little', () => {
  const known = ['debug', 'host', 'cluster', 'K8S'];
  for (const [typed, meant] of [
    ['debgu', 'debug'],
    ['hots', 'host'],
    ['CLUSTR', 'cluster'],
    ['k8', 'K8S'],
    ['hst', 'host'],
    ['zzzzz', undefined],
    ['', undefined],
    ['c'.repeat(100_000), undefined],
  ] as const) {
    assert.equal(nearestWord(typed, known), meant, typed.slice(0, 20));
  }
});
