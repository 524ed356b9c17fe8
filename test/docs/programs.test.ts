// SPDX-License-Identifier: Apache-2.0
// Pages that list programs and images have all of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROGRAMS } from '../../tools/programs.ts';
import { IMAGES } from '../../tools/release/images.ts';

const page = (path: string): string => readFileSync(join(import.meta.dirname, '../../docs', path), 'utf8');

test('the architecture begins with every program', () => {
  const [head = ''] = page('architecture.md').split('## ');
  for (const { name } of PROGRAMS) assert.ok(head.includes(`\`${name}\``), name);
});

test('the artefacts have every image, with its programs and its user', () => {
  const rows = page('reference/artefacts.md').match(/^\| `docker\.io\/.*$/gm) ?? [];
  const wanted = IMAGES.map(({ name, programs, bpf }) => {
    const names = programs.map((program) => `\`${program}\``).join(', ');
    return `| \`docker.io/${name}:vVERSION\` | ${names} | ${bpf === true ? 'root' : '65532'} |`;
  });
  assert.deepEqual(rows, wanted);
});
