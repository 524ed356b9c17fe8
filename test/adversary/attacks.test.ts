// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CASES } from '../kernel/cases/index.ts';
import { STARTS } from '../vm/cases/starts.ts';
import { TAMPERING } from '../vm/cases/tampering.ts';
import { ATTACKS } from './attacks.ts';

const attacks = Object.values(ATTACKS).flat();
const page = readFileSync(join(import.meta.dirname, '../../docs/threat-model.md'), 'utf8');

test('every attack is proved by cases that exist, or open with a row of the threat model', () => {
  const known = new Set([...CASES.map(({ name }) => name), ...[...TAMPERING, ...STARTS].map(({ name }) => `agent: ${name}`)]);
  for (const { name, proofs, open } of attacks) {
    assert.ok((proofs === undefined) !== (open === undefined), `${name}: either proved or open`);
    for (const proof of proofs ?? []) assert.ok(known.has(proof), `${name}: no case is called: ${proof}`);
    if (open !== undefined) assert.ok(page.includes(`\n| ${open}`), `${name}: the threat model has no row: ${open}`);
  }
  const names = attacks.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});
