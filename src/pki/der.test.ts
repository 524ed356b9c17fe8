// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, time, utf8 } from './der.ts';
import type { Der } from './der.ts';

const hex = (der: Der): string => Buffer.from(der).toString('hex');
const CASES: readonly [what: string, der: Der, expected: string][] = [
  ['an identifier with parts of more than one byte', oid('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
  ['an integer', integer(Uint8Array.of(2)), '020102'],
  ['an integer whose highest bit is set', integer(Uint8Array.of(0x80)), '02020080'],
  ['true', boolean(true), '0101ff'],
  ['bits', bits(Uint8Array.of(0x04), 2), '03020204'],
  ['a text', utf8('é'), '0c02c3a9'],
  ['a tag around a value', explicit(3, integer(Uint8Array.of(1))), 'a303020101'],
  ['a tag for a value', implicit(2, Buffer.from('a')), '820161'],
  ['an empty sequence', sequence(), '3000'],
  ['a year before 2050', time(new Date('2049-12-31T23:59:59.999Z')), '170d3439313233313233353935395a'],
  ['a year after 2049', time(new Date('2050-01-01T00:00:00Z')), '180f32303530303130313030303030305a'],
];
for (const [what, der, expected] of CASES) test(`DER: ${what}`, () => assert.equal(hex(der), expected));

test('DER: lengths of one, two and three bytes', () => {
  const head = (size: number): string => hex(octets(new Uint8Array(size))).slice(0, 8);
  assert.deepEqual([127, 128, 255, 256, 65_536].map(head), ['047f0000', '04818000', '0481ff00', '04820100', '04830100']);
});
