// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCopyright, parsePackages } from './debian.ts';

const read = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8');

test('the list of Debian packages is read; a line that says no use is refused', () => {
  assert.deepEqual(parsePackages('# why\nlibc6  base # Node\n\nlibbpf1 bpf\nlibc6-dev canary\n'), [
    { name: 'libc6', use: 'base' },
    { name: 'libbpf1', use: 'bpf' },
    { name: 'libc6-dev', use: 'canary' },
  ]);
  assert.throws(() => parsePackages('libc6'), /cannot read libc6/);
});

test('every package of the list is locked, for both architectures or for all', () => {
  const locked = read('debian.lock')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  for (const { name } of parsePackages(read('debian.txt'))) {
    const arches = locked.filter(([, found]) => found === name).map(([arch]) => arch);
    assert.ok(['all', 'amd64,arm64'].includes(arches.join()), `${name}: ${arches.join()}`);
  }
  for (const line of locked) assert.match(line.join(' '), /^(all|amd64|arm64) [a-z0-9+.-]+ [\w:.+~-]+ [\da-f]{64}$/);
});

test('licences are read from a copyright file of Debian’s format, and only from one', () => {
  const header = 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n';
  assert.deepEqual(parseCopyright(`${header}\nFiles: *\nLicense: LGPL-2.1 or BSD-2-Clause\n\nLicense: GPL-2\n text\n\nLicense: GPL-2\n`), [
    'GPL-2',
    'LGPL-2.1 or BSD-2-Clause',
  ]);
  assert.equal(parseCopyright('This is free software.\nLicense: of a kind\n'), undefined);
});
