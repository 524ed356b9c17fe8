// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readAgentFile } from './agent-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'agent-file-'));
after(() => rmSync(folder, { recursive: true }));
const NOBODY = 65534;
const self = process.getuid?.() ?? 0;
let next = 0;

/** A file that root would have written, but for what `change` does to it. The tests' own user stands for root. */
async function read(change: (path: string) => void, text = '{"a":1}'): Promise<string> {
  const path = join(folder, `f${next++}`);
  writeFileSync(path, text, { mode: 0o600 });
  change(path);
  const file = await readAgentFile(path, self);
  return 'json' in file ? JSON.stringify(file.json) : file.missing.replace(path, 'F');
}

test('a file of root that nobody else writes is read', async () => {
  assert.equal(await read(() => {}), '{"a":1}');
  assert.equal(await read((path) => chmodSync(path, 0o644)), '{"a":1}');
});

test('a file that others can write is not believed', async () => {
  for (const mode of [0o622, 0o602, 0o620]) assert.match(await read((path) => chmodSync(path, mode)), /^F: others can write it/);
});

test('a file of another user is not believed', { skip: self !== 0 }, async () => {
  assert.match(await read((path) => chownSync(path, NOBODY, NOBODY)), /^F: it belongs to user 65534, not to root/);
});

test('links, pipes, what is too large and what is not JSON', { timeout: 5000 }, async () => {
  const remake = (make: (path: string) => void) => (path: string) => {
    rmSync(path);
    make(path);
  };
  assert.match(await read(remake((path) => symlinkSync('/proc/self/status', path))), /^F: it is a link/);
  assert.match(await read(remake((path) => execFileSync('mkfifo', ['-m', '600', path]))), /^F: it is no file/);
  assert.match(await read(() => {}, ' '.repeat(1024 * 1024 + 1)), /^F: larger than/);
  assert.match(await read(() => {}, '{'), /^F: not JSON/);
  assert.match(await read(rmSync), /^F: ENOENT/);
});
