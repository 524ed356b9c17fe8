// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';

const GOOD = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata:
  name: block-shells
  namespace: shop
spec:
  selector:
    matchLabels:
      app: web
  process:
    matchPaths:
      - path: /bin/sh
  action: Block
`;
const TWO_PROBLEMS = GOOD.replace('action: Block', 'action: Deny').replace('matchPaths', 'matchPath');
const ALLOW = GOOD.replace('action: Block', 'action: Allow');

const folder = mkdtempSync(join(tmpdir(), 'karmor-check-'));
after(() => rmSync(folder, { recursive: true }));
const put = (name: string, text: string): string => {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
};

async function check(...args: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const { io, out, err } = recordingIo({ readStdin: async () => GOOD });
  return { code: await runCli(['policy', 'check', ...args], io), out, err };
}

test('karmor policy check: a good file', async () => {
  const { code, out } = await check(put('good.yaml', GOOD));
  assert.equal(code, 0);
  assert.deepEqual(out, ['1 file, 1 policy: 1 taken, 0 refused; 0 errors, 0 warnings']);
});

test('karmor policy check: every problem with file, line, column and cure; exit 65', async () => {
  const path = put('bad.yaml', `${TWO_PROBLEMS}---\n${GOOD}`);
  const { code, out } = await check(path);
  assert.equal(code, 65);
  const errors = out.filter((line) => line.includes(': error: '));
  assert.equal(errors.length, 2, out.join('\n'));
  for (const line of errors) assert.match(line, new RegExp(`^${path}:\\d+:\\d+: error: spec\\..*\\(.+\\)$`));
  assert.equal(out.at(-1), '1 file, 2 policies: 1 taken, 1 refused; 2 errors, 0 warnings');
});

test('karmor policy check: a host policy is taken, and called not enforced', async () => {
  const host = GOOD.replace('KubeArmorPolicy', 'KubeArmorHostPolicy')
    .replace('  namespace: shop\n', '')
    .replace('selector', 'nodeSelector');
  const { code, out } = await check(put('host.yaml', host));
  assert.equal(code, 0);
  assert.match(out[0] ?? '', /host\.yaml: warning: kind: host policies are not enforced yet/);
  assert.match(out.at(-1) ?? '', /1 taken.*1 warning$/);
});

test('karmor policy check: a warning does not refuse', async () => {
  const { code, out } = await check(put('allow.yaml', ALLOW));
  assert.equal(code, 0);
  assert.match(out[0] ?? '', /: warning: .*nothing outside the list is denied.*defaultPosture: block/);
  assert.match(out.at(-1) ?? '', /1 taken, 0 refused; 0 errors, 1 warning$/);
});

test('karmor policy check: folders, and what is left out of them', async () => {
  put('tree/a.yaml', GOOD);
  put('tree/sub/b.yml', GOOD);
  put('tree/sub/c.JSON', '{}');
  put('tree/readme.md', 'no policy');
  put('tree/.git/d.yaml', 'no: policy');
  put('elsewhere/e.yaml', GOOD);
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'tree', 'linked'));
  symlinkSync(join(folder, 'elsewhere', 'e.yaml'), join(folder, 'tree', 'f.yaml'));
  symlinkSync(join(folder, 'tree'), join(folder, 'tree', 'loop'));
  const { out } = await check('-o', 'json', join(folder, 'tree'));
  const report = JSON.parse(out.join('')) as { schemaVersion: number; summary: { files: number }; files: { file: string }[] };
  assert.equal(report.schemaVersion, 1);
  assert.deepEqual(
    report.files.map(({ file }) => file.slice(folder.length)),
    ['/tree/a.yaml', '/tree/f.yaml', '/tree/sub/b.yml', '/tree/sub/c.JSON'],
  );
});

test('karmor policy check -: standard input', async () => {
  const { code, out } = await check('-o', 'json', '-');
  assert.equal(code, 0);
  const report = JSON.parse(out.join('')) as { files: { file: string; policies: unknown }[] };
  assert.deepEqual(report.files[0]?.policies, [{ kind: 'KubeArmorPolicy', namespace: 'shop', name: 'block-shells', rules: 1 }]);
});

test('karmor policy check: names that cannot be read are wrong usage', async () => {
  for (const name of [join(folder, 'missing.yaml'), put('empty/readme.md', '').replace('/readme.md', '')]) {
    const { code, err } = await check(name);
    assert.equal(code, 2);
    assert.match(err[0] ?? '', /no such file or folder|no \.yaml/);
  }
});

test('karmor policy check: hostile text is a problem with a place, not a crash', async () => {
  const texts = ['\u0000binary', 'a: &a [*a, *a]', '{', 'kind: KubeArmorPolicy\u001b[31m', '- - -', '"\\u001b[2J": 1'];
  for (const text of texts) {
    const { code, out } = await check(put('hostile.yaml', text));
    assert.equal(code, 65, text);
    assert.doesNotMatch(out.join('\n'), /[\u0000-\u0009\u000b-\u001f]/u);
  }
});
