// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergePatch } from './merge-patch.ts';

/** RFC 7396, section 2. */
function applied(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged = new Map(Object.entries(typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, applied(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

const key = fc.constantFrom('a', 'b', 'c', 'constructor');
const leaf = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom('x', ''), fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 2 }));
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof({ maxDepth: 3 }, leaf, fc.dictionary(key, tie('tree'), { maxKeys: 3 })),
}));
const root = fc.dictionary(key, tree, { maxKeys: 3 });
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('mergePatch: what it gives makes one value of the other, and is nothing only for equal ones', () => {
  fc.assert(
    fc.property(root, root, (before, after) => {
      const patch = mergePatch(plain(before), plain(after) as Record<string, unknown>);
      assert.deepEqual(plain(applied(before, patch ?? {})), plain(after));
      if (patch === undefined) assert.deepEqual(plain(before), plain(after));
    }),
    { numRuns: 2_000 },
  );
});
