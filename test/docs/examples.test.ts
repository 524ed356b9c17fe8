// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from '../../src/cli/run-cli.ts';
import { recordingIo } from '../../src/cli/testing.ts';

const FOLDER = join(import.meta.dirname, '../../examples');
const namesIn = (folder: string): string[] => readdirSync(join(FOLDER, folder)).toSorted();
const NAMES = namesIn('policies');

async function karmor(...args: string[]): Promise<{ code: number; text: string }> {
  const { io, out, err } = recordingIo();
  const code = await runCli(args, io);
  return { code, text: [...out, ...err].join('\n') };
}

test('examples: every policy has its test file and its line in the list', () => {
  assert.ok(NAMES.length >= 12);
  assert.deepEqual(namesIn('tests'), NAMES);
  const listed = [...readFileSync(join(FOLDER, 'README.md'), 'utf8').matchAll(/\]\(policies\/([^)]+)\)/g)].map(([, name = '']) => name);
  assert.deepEqual(listed.toSorted(), NAMES);
});

for (const name of NAMES) {
  const policy = join(FOLDER, 'policies', name);

  test(`examples: ${name} is taken, and lint says of it what its comment says`, async () => {
    const checked = await karmor('policy', 'check', policy);
    assert.equal(checked.code, 0, checked.text);
    const { text } = await karmor('policy', 'lint', '-o', 'json', policy);
    const { findings } = JSON.parse(text) as { findings: { code: string }[] };
    const codes = [...new Set(findings.map(({ code }) => code))].toSorted().join(', ');
    const [, written] = /^# lint: (.+)$/m.exec(readFileSync(policy, 'utf8')) ?? [];
    assert.equal(codes === '' ? 'none' : codes, written);
  });

  test(`examples: ${name} does what its test file says, and every rule of it decides a test`, async () => {
    const { code, text } = await karmor('policy', 'test', '--coverage', '--min-coverage', '100', join(FOLDER, 'tests', name));
    assert.equal(code, 0, text);
  });
}
