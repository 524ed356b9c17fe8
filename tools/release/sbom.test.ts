// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notices } from './component.ts';
import type { Component } from './component.ts';
import { billOfMaterials } from './sbom.ts';

const release = { version: '1.2.3', commit: 'abc', epoch: 1_795_306_715, root: '/nowhere' };
const subject = { name: 'karmor', kind: 'application', purl: 'pkg:generic/karmor@1.2.3' } as const;
const part = (name: string, licence: Component['licence'], text?: string): Component => ({
  kind: 'library',
  name,
  version: '1',
  purl: `pkg:npm/${name}@1`,
  licence,
  hash: { algorithm: 'SHA-512', hex: 'aa' },
  ...(text === undefined ? {} : { text }),
});
const PARTS = [
  part('b', { expression: '(MIT AND ISC)' }, 'terms of b'),
  part('a', { expression: 'MIT' }, 'terms of a\n'),
  part('c', { names: ['GPL-2'] }),
];

test('a bill of materials names each part once, in one order, and does not depend on when or in which order it was made', () => {
  const text = billOfMaterials(release, subject, PARTS);
  assert.equal(billOfMaterials(release, subject, [...PARTS.toReversed(), ...PARTS]), text);
  const bill = JSON.parse(text) as {
    serialNumber: string;
    metadata: { timestamp: string };
    components: { name: string; licenses: unknown }[];
  };
  assert.deepEqual(
    bill.components.map(({ name, licenses }) => [name, licenses]),
    [
      ['a', [{ license: { id: 'MIT' } }]],
      ['b', [{ expression: '(MIT AND ISC)' }]],
      ['c', [{ license: { name: 'GPL-2' } }]],
    ],
  );
  assert.equal(bill.metadata.timestamp, '2026-11-22T00:18:35Z');
  assert.match(bill.serialNumber, /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  assert.notEqual(billOfMaterials({ ...release, commit: 'abd' }, subject, PARTS), text);
});

test('notices hold every text, or say where it is', () => {
  const text = notices(PARTS);
  assert.ok(text.indexOf('terms of a') < text.indexOf('terms of b'));
  assert.match(text, /^c 1 \(pkg:npm\/c@1\)\nGPL-2$/m);
  assert.match(text, /See usr\/share\/doc\/c\/copyright/);
});
