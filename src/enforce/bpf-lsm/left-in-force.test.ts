// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { claimPinDirectory, endLeftInForce, findLeftInForce } from './left-in-force.ts';

const scratch = mkdtempSync(join(tmpdir(), 'left-'));
after(() => rmSync(scratch, { recursive: true }));
const self = process.getuid?.() ?? 0;
let next = 0;

/** Any file system stands for bpffs: pins are names. */
function pins(versions: Readonly<Record<string, readonly string[]>>): { pinDirectory: string; stateDirectory: string } {
  const root = join(scratch, String(next++));
  const pinDirectory = join(root, 'kubearmor');
  mkdirSync(pinDirectory, { recursive: true, mode: 0o700 });
  for (const [version, names] of Object.entries(versions)) {
    mkdirSync(join(pinDirectory, version));
    for (const name of names) writeFileSync(join(pinDirectory, version, name), '');
  }
  writeFileSync(join(root, 'bpf-lsm.json'), '{}');
  writeFileSync(join(root, 'probe.json'), '{}');
  return { pinDirectory, stateDirectory: root };
}

const TWO = { aa: ['link_file_open', 'link_exec', 'map_scopes', 'prog_adopt'], bb: ['link_exec', 'map_scopes'] };

test('what earlier agents left: the programs of each version', () => {
  assert.deepEqual(findLeftInForce(pins(TWO).pinDirectory, self), [
    { version: 'aa', programs: 2 },
    { version: 'bb', programs: 1 },
  ]);
  assert.deepEqual(findLeftInForce(pins({}).pinDirectory, self), []);
  assert.deepEqual(findLeftInForce(join(scratch, 'nowhere'), self), []);
});

test('ending it removes every pin, the folder, and the names kept for them; nothing else', () => {
  const { pinDirectory, stateDirectory } = pins(TWO);
  assert.equal(endLeftInForce({ pinDirectory, stateDirectory }, self).length, 2);
  assert.equal(existsSync(pinDirectory), false);
  assert.deepEqual(readdirSync(stateDirectory), ['probe.json']);
  assert.deepEqual(endLeftInForce({ pinDirectory, stateDirectory }, self), []);
});

test('a folder that others can write is not touched: a link in it would lead the removal elsewhere', () => {
  const { pinDirectory, stateDirectory } = pins({});
  const precious = join(stateDirectory, 'precious');
  mkdirSync(precious);
  writeFileSync(join(precious, 'link_x'), '');
  symlinkSync(precious, join(pinDirectory, 'aa'));
  chmodSync(pinDirectory, 0o777);
  for (const use of [findLeftInForce, claimPinDirectory]) {
    assert.throws(() => use(pinDirectory, self), { code: 'HOST_IO', message: /others can write it/ });
  }
  assert.throws(() => endLeftInForce({ pinDirectory, stateDirectory }, self), { code: 'HOST_IO' });
  chmodSync(pinDirectory, 0o700);
  assert.deepEqual(endLeftInForce({ pinDirectory, stateDirectory }, self), []);
  assert.equal(existsSync(join(precious, 'link_x')), true, 'a link in it is not followed');
});

test('a folder of another user is refused', { skip: self !== 0 }, () => {
  const { pinDirectory } = pins({});
  chownSync(pinDirectory, 65534, 65534);
  assert.throws(() => claimPinDirectory(pinDirectory), { code: 'HOST_IO', message: /belongs to user 65534/ });
});

test('claiming makes the folder, for its owner only', () => {
  const made = join(scratch, 'claimed');
  claimPinDirectory(made, self);
  claimPinDirectory(made, self);
  assert.deepEqual(findLeftInForce(made, self), []);
  assert.throws(() => claimPinDirectory(join(scratch, 'no', 'where'), self), { code: 'HOST_IO' });
});
