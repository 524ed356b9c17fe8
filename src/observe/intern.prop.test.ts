// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StringInterner } from './intern.ts';

test('property: always what Buffer.toString gives, with few slots and many collisions', () => {
  const interner = new StringInterner(4, 8);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 10 }), { maxLength: 30 }), (names) => {
      for (const name of names) {
        const bytes = Buffer.from(name);
        const end = bytes.indexOf(0);
        assert.equal(interner.range(bytes, 0, bytes.length), bytes.toString());
        assert.equal(interner.cString(bytes, 0, bytes.length), bytes.toString('utf8', 0, end < 0 ? bytes.length : end));
      }
    }),
  );
});
