// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { AlertSchema } from '#wire';
import { cleanMessage, encodeRecord, messageOf } from './record.ts';

const text = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

test('cleanMessage: whatever is given encodes, and is what a client decodes', () => {
  fc.assert(
    fc.property(text, text, fc.double(), fc.bigInt(), (a, b, number, big) => {
      const message = cleanMessage(AlertSchema, {
        Resource: a,
        ATags: [a, b],
        EventData: { [a]: b },
        Owner: { Ref: b },
        UID: number,
        Count: number,
        RuleID: number,
        BootNs: big,
        Timestamp: big,
      });
      assert.equal(message.Resource, a.toWellFormed());
      assert.deepEqual(fromBinary(AlertSchema, toBinary(AlertSchema, message)), message);
    }),
  );
});

test('cleanMessage: integers wrap, long text is cut, what is not of the message is left out', () => {
  const message = cleanMessage(AlertSchema, { UID: 2 ** 32 - 1, BootNs: -1n, RuleID: 0, Data: 'x'.repeat(70_000), Nonsense: 'n' });
  assert.deepEqual([message.UID, message.BootNs, message.RuleID, message.Data.length], [-1, 2n ** 64n - 1n, 0, 65_536]);
  assert.ok(message.Data.endsWith('x…'));
  assert.equal('Nonsense' in message, false);
});

test('messageOf: encodes to the bytes that it is made of, and what is set besides joins them', () => {
  for (const fields of [{}, { Timestamp: 5n, Resource: '/x' }, { Count: 3, BootNs: 7n }, { ATags: ['a'], EventData: { k: 'v' } }]) {
    const bytes = encodeRecord(AlertSchema, fields);
    const message = messageOf(AlertSchema, bytes);
    assert.deepEqual(Buffer.from(toBinary(AlertSchema, message)), Buffer.from(bytes));
    const told = fromBinary(AlertSchema, toBinary(AlertSchema, Object.assign(message, { LostQueue: 9n })));
    assert.deepEqual(told, { ...cleanMessage(AlertSchema, fields), LostQueue: 9n });
  }
});
