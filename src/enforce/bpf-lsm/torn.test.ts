// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { linkIds, OwnIds } from './self-protection.ts';
import { isTorn, setAside } from './torn.ts';

test('pins are torn where a link that was made is not pinned, or something else is under its name', () => {
  assert.equal(isTorn({ made: [7, 8], pinned: [8, 7] }), false);
  assert.equal(isTorn({ made: [], pinned: [7] }), false, 'of a version that told nobody');
  assert.equal(isTorn({ made: [7, 8], pinned: [7] }), true);
  assert.equal(isTorn({ made: [7, 8], pinned: [7, 9] }), true);
});

test('what is torn stays beside, under a name that the BPF file system takes, and once only', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'torn-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const directory = join(root, 'abc');
  for (const name of ['link_first', 'link_second']) {
    mkdirSync(directory);
    writeFileSync(join(directory, name), '');
    setAside(directory);
    assert.deepEqual(readdirSync(root), ['abc-torn']);
    assert.deepEqual(readdirSync(join(root, 'abc-torn')), [name]);
  }
});

test('the links that an agent made are read as they were written, apart from maps and programs', () => {
  const keys: Buffer[] = [];
  const own = new OwnIds({ update: (key) => void keys.push(Buffer.from(key)) });
  own.addMap(3);
  own.addProgram(7);
  own.addLink(7);
  own.addLink(70_000);
  assert.deepEqual(linkIds({ keys: () => keys }), [7, 70_000]);
});
