// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileFilterGlob } from './glob.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\n', '😀'), maxLength: 8 });
const glob = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?', '😀', '.', '('), maxLength: 6 });

/** Another way to say the same: an anchored regular expression. */
function naive(pattern: string): RegExp {
  const source = Array.from(pattern, (c) => (c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[.()/]/, '\\$&'))).join('');
  return new RegExp(`^${source}$`, 'su');
}

test('compileFilterGlob matches what an anchored expression matches', () => {
  fc.assert(
    fc.property(glob, text, (g, t) => assert.equal(compileFilterGlob(g)(t), naive(g).test(t))),
    { numRuns: 2_000 },
  );
});

test('compileFilterGlob: many stars against a long text that almost matches take no time', () => {
  const start = performance.now();
  assert.equal(compileFilterGlob('*a'.repeat(50) + 'b')('a'.repeat(20_000)), false);
  assert.ok(performance.now() - start < 1_000);
});
