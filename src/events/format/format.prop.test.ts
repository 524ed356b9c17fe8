// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonString, printable } from './printable.ts';

/** Any UTF-16: lone surrogates and controls too. */
const text = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0x9f })))
  .map((units) => String.fromCharCode(...units));
const control = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e]/u;

test('jsonString: JSON of the well-formed text, without a control character or < > &', () => {
  fc.assert(
    fc.property(text, (value) => {
      const json = jsonString(value);
      assert.equal(JSON.parse(json), value.toWellFormed());
      assert.doesNotMatch(json, control);
      assert.doesNotMatch(json, /[<>&]/);
    }),
  );
});

test('printable: no control character is left, and plain text is left alone', () => {
  fc.assert(
    fc.property(text, (value) => {
      assert.doesNotMatch(printable(value), control);
      if (/^[ -~]*$/.test(value)) assert.equal(printable(value), value);
    }),
  );
});
