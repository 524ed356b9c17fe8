// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StringInterner, viewedBytes } from './intern.ts';

test('property: always what Buffer.toString gives, with few slots and many collisions', () => {
  const interner = new StringInterner(4, 8);
  const short = fc.array(fc.constantFrom(0, 1, 2, 128, 129, 0xc3, 0xa9), { maxLength: 3 }).map((bytes) => Uint8Array.from(bytes));
  const names = fc.array(fc.oneof(fc.uint8Array({ maxLength: 10 }), short), { maxLength: 30 });
  const property = fc.property(names, (list) => {
    for (const name of list.flatMap((each) => [each, each, each])) {
      const buffer = Buffer.from(name);
      const bytes = viewedBytes(buffer);
      const end = buffer.indexOf(0);
      assert.equal(interner.range(bytes, 0, buffer.length), buffer.toString());
      assert.equal(interner.cString(bytes, 0, buffer.length), buffer.toString('utf8', 0, end < 0 ? buffer.length : end));
    }
  });
  fc.assert(property);
});
