// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineCutter } from './lines.ts';

test('LineCutter: however the bytes are cut into pieces, the lines are the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'é', '\n', '{') }), fc.array(fc.nat(8)), (text, sizes) => {
      const cutter = new LineCutter(1_000);
      const bytes = Buffer.from(text);
      const lines: string[] = [];
      let at = 0;
      for (const size of [...sizes, bytes.length]) {
        lines.push(...cutter.cut(bytes.subarray(at, at + size)));
        at += size;
      }
      const whole = text.split('\n').slice(0, -1);
      assert.deepEqual(
        lines,
        whole.filter((line) => line !== ''),
      );
    }),
  );
});

test('LineCutter: a line has its limit, in bytes, whole or in pieces', () => {
  assert.deepEqual(new LineCutter(4).cut(Buffer.from('éé\nabcd\n')), ['éé', 'abcd']);
  assert.throws(() => new LineCutter(3).cut(Buffer.from('éé\n')), RangeError);
  const cutter = new LineCutter(3);
  cutter.cut(Buffer.from('ab'));
  assert.throws(() => cutter.cut(Buffer.from('cd')), RangeError);
});
