// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CASES } from '../kernel/cases/index.ts';
import { STARTS } from '../vm/cases/starts.ts';
import { TAMPERING } from '../vm/cases/tampering.ts';
import { ATTACKS } from './attacks.ts';
import { outcomeOf, readResults } from './results.ts';

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

test('no attack passes that the threat model does not list, on each kernel', () => {
  const results = readResults();
  assert.deepEqual(Object.keys(results).toSorted(), ['6.1', '6.12']);
  for (const [kernel, { cases }] of Object.entries(results)) {
    for (const attack of attacks) {
      const outcome = outcomeOf(attack, cases);
      assert.ok(['denied', 'open', 'not there'].includes(outcome), `${kernel}: ${attack.name}: ${outcome}`);
    }
  }
});
