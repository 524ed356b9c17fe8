// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StringInterner, viewedBytes } from './intern.ts';

test('cString: up to the NUL, or to the limit; invalid UTF-8 becomes U+FFFD', () => {
  const interner = new StringInterner(16);
  const buffer = viewedBytes(Buffer.from('xcurl\0junk'));
  assert.equal(interner.cString(buffer, 1, 16), 'curl');
  assert.equal(interner.cString(buffer, 1, 3), 'cur');
  assert.equal(interner.cString(buffer, 5, 5), '');
  assert.equal(interner.cString(buffer, 6, 100), 'junk');
  assert.equal(interner.cString(viewedBytes(Buffer.from([0x61, 0xff, 0])), 0, 3), 'a\uFFFD');
});

test('range: takes NULs', () => {
  assert.equal(new StringInterner(16).range(viewedBytes(Buffer.from('a\0b')), 0, 3), 'a\0b');
});

test('strings that share a slot, or are too long to keep, stay themselves', () => {
  const interner = new StringInterner(1, 4);
  const buffer = viewedBytes(Buffer.from('one\0two\0longer\0'));
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(
      [interner.cString(buffer, 0, 8), interner.cString(buffer, 4, 8), interner.cString(buffer, 8, 8)],
      ['one', 'two', 'longer'],
    );
  }
});

test('the kept bytes are a copy: the ring’s memory changes underneath', () => {
  const interner = new StringInterner(1);
  const bytes = viewedBytes(Buffer.from('same'));
  for (const text of ['same', 'same', 'else', 'same', 'else', 'else', 'else', 'same']) {
    bytes.buffer.write(text);
    assert.equal(interner.range(bytes, 0, 4), text);
  }
});

test('strings with the same hash and length stay apart', () => {
  const interner = new StringInterner(1);
  const ends = '0123456789abcdef'; // only these are hashed
  for (const text of [`one${ends}`, `two${ends}`]) {
    for (let i = 0; i < 3; i++) assert.equal(interner.range(viewedBytes(Buffer.from(text)), 0, text.length), text);
  }
  const one = viewedBytes(Buffer.from(`one${ends}`));
  assert.equal(interner.range(one, 0, one.buffer.length), `one${ends}`);
});
