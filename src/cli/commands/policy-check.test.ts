// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

test('karmor policy check: a host policy is taken, and what of it is not enforced is told', async () => {
  const host = GOOD.replace('KubeArmorPolicy', 'KubeArmorHostPolicy')
    .replace('  namespace: shop\n', '')
    .replace('selector', 'nodeSelector')
    .replace('path: /bin/sh', 'path: /bin/sh\n        pts: false');
  const { code, out } = await check(put('host.yaml', host));
  assert.equal(code, 0);
  assert.match(out[0] ?? '', /warning: spec\.process\.matchPaths\[0\]: `pts` is not enforced yet/);
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

test('karmor policy check: a rule that is not enforced has its line', async () => {
  const { out } = await check(put('pts.yaml', GOOD.replace('path: /bin/sh', 'path: /bin/sh\n        pts: false')));
  assert.match(out[0] ?? '', /pts\.yaml:12:9: warning: spec\.process\.matchPaths\[0\]: `pts` is not enforced yet \(remove the rule/);
});

test('karmor policy check: what the agent refuses from vm policy add', async () => {
  const without = await check(put('all.yaml', GOOD.replace(/ {2}selector:\n.*\n.*\n/, '')));
  assert.equal(without.code, 0);
  assert.match(
    without.out[0] ?? '',
    /all\.yaml:6:1: warning: spec\.selector: is missing or empty: .*every workload of its namespace, .*vm policy add/,
  );
  const empty = await check(put('all.yaml', GOOD.replace('      app: web\n', '')));
  assert.match(empty.out.join('\n'), /all\.yaml:8:5: warning: spec\.selector: is missing or empty/);
  const beside = await check(put('both.yaml', GOOD.replace('app: web', 'app: web\n      kubearmor.io/container.name: "[a]"')));
  assert.match(
    beside.out[0] ?? '',
    /both\.yaml:9:7: warning: spec\.selector\.matchLabels: kubearmor\.io\/container\.name stands beside other labels/,
  );
  const cluster = await check(
    put('c.yaml', GOOD.replace('KubeArmorPolicy', 'KubeArmorClusterPolicy').replace(/ {2}selector:\n.*\n.*\n/, '')),
  );
  assert.doesNotMatch(cluster.out.join(), /vm policy add/);
});

test('karmor policy check: a misspelt kind does not hide the other problems', async () => {
  const { out } = await check(put('kind.yaml', TWO_PROBLEMS.replace('KubeArmorPolicy', 'KubeArmorPolcy')));
  assert.deepEqual(
    out.slice(0, 3).map((line) => line.replace(/^.*error: /, '').replace(/: .*\(/, ' (')),
    [
      'kind (did you mean `KubeArmorPolicy`?)',
      'spec.process.matchPath (did you mean `matchPaths`?)',
      'spec.action (write one of Allow, Audit, Block)',
    ],
  );
});

test('karmor policy check: issues in order of line and column', async () => {
  const { out } = await check(put('order.yaml', `${GOOD.replace('  name: block-shells\n', '').replace('app: web', 'app: 1')}bogus: 1\n`));
  const lines = out.slice(0, -1).map((line) => Number(/order\.yaml:(\d+):/.exec(line)?.[1]));
  assert.equal(lines.length, 3);
  assert.deepEqual(
    lines,
    lines.toSorted((a, b) => a - b),
  );
});

test('karmor policy check: two policies of one name', async () => {
  const [a, b] = [put('double/a.yaml', GOOD), put('double/b.yaml', `${GOOD}---\n${GOOD.replace('shop', 'other')}`)];
  const { code, out } = await check(a, b);
  assert.equal(code, 0);
  assert.equal(
    out[0],
    `${b}:4:9: warning: metadata.name: KubeArmorPolicy shop/block-shells is in ${a}:4 too, and this one replaces it (give one of them another name, or remove one)`,
  );
  assert.match(out[1] ?? '', /3 policies.*1 warning$/);
});

test('karmor policy check: where there is no policy, that is an error', async () => {
  const files = ['', '# only this\n', '---\n---\n', 'apiVersion: v1\nkind: List\nitems: []\n', '{"kind":"KubeArmorPolicyList","items":[]}'];
  for (const path of [...files.map((text, i) => put(`nothing/${i}.yaml`, text)), '/dev/null', join(folder, 'nothing')]) {
    const { code, out } = await check(path);
    assert.equal(code, 65, path);
    assert.ok(out.includes(`${path}: error: there is no policy in it (name the files or folders that have some)`), out.join('\n'));
    if (path !== join(folder, 'nothing')) assert.equal(out.length, 2, 'told once');
  }
  put('some/a.yaml', GOOD);
  const empty = put('some/b.yaml', '# later\n');
  const { code, out } = await check(join(folder, 'some'));
  assert.equal(code, 0);
  assert.equal(out[0], `${empty}: warning: there is no policy in it (remove the file, or fill it in)`);
});

const DEPLOYMENT = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: 1}\n';
test('karmor policy check: other API groups are skipped in a folder and refused by name', async () => {
  const file = put('mixed/a.yaml', `${DEPLOYMENT}---\n${GOOD}---\n${DEPLOYMENT.replace('apps/v1', 'v1')}`);
  const other = put(
    'mixed/b.yaml',
    'apiVersion: operator.kubearmor.com/v1\nkind: KubeArmorConfig\nmetadata: {name: c}\n---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n',
  );
  const { code, out } = await check(join(folder, 'mixed'));
  assert.equal(code, 0);
  assert.deepEqual(out, ['2 files, 1 policy: 1 taken, 0 refused; 0 errors, 0 warnings; 4 documents of other kinds skipped']);
  const json = JSON.parse((await check('-o', 'json', join(folder, 'mixed'))).out.join('')) as { summary: { skipped: number } };
  assert.equal(json.summary.skipped, 4);
  const named = await check(file, other);
  assert.equal(named.code, 65);
  assert.equal(named.out.filter((line) => line.includes('is not a policy of KubeArmor')).length, 4);
  assert.match(named.out[0] ?? '', /a\.yaml:2:7: error: kind: `Deployment` of `apps\/v1` is not a policy of KubeArmor \(leave it out/);
  put('only/a.yaml', DEPLOYMENT);
  assert.equal((await check(join(folder, 'only'))).code, 65);
});

test('karmor policy check: a slip in our own group or kind is an error in a folder too', async () => {
  for (const [i, text] of [
    GOOD.replace('security.kubearmor.com/v1', 'security.kubearmor.io/v1'),
    GOOD.replace('security.kubearmor.com/v1', 'apps/v1'),
    GOOD.replace('KubeArmorPolicy', 'KubearmorPolcy').replace('security.kubearmor.com/v1', 'v1'),
    GOOD.replace('KubeArmorPolicy', 'Whatever'),
  ].entries()) {
    put(`slip${i}/a.yaml`, text);
    const { code, out } = await check(join(folder, `slip${i}`));
    assert.equal(code, 65, text);
    assert.match(out.at(-1) ?? '', /1 refused/);
  }
});

test('karmor policy check: what cannot be read in a folder does not hide the rest', async () => {
  put('broken/a.yaml', GOOD);
  symlinkSync('nowhere', join(folder, 'broken', 'b.yaml'));
  symlinkSync('c.yaml', join(folder, 'broken', 'c.yaml'));
  const secret = put('broken/d.yaml', GOOD.replace('block-shells', 'other'));
  chmodSync(secret, 0);
  const { code, out } = await check('-o', 'json', join(folder, 'broken'));
  assert.equal(code, 65);
  const { files } = JSON.parse(out.join('')) as { files: { file: string; policies: unknown[]; issues: { problem: string }[] }[] };
  assert.equal(files[0]?.policies.length, 1);
  const problems = files.map(({ file, issues }) => `${file.slice(-6)} ${issues[0]?.problem ?? 'fine'}`);
  const isRoot = process.getuid?.() === 0;
  assert.deepEqual(problems, [
    'a.yaml fine',
    'b.yaml cannot be read: no such file or folder (ENOENT)',
    'c.yaml cannot be read: its links lead in a circle, or to a link that is not followed (ELOOP)',
    `d.yaml ${isRoot ? 'fine' : 'cannot be read: permission denied (EACCES)'}`,
  ]);
});

test('karmor policy check: hostile text is a problem with a place, not a crash', async () => {
  const texts = ['\u0000binary', 'a: &a [*a, *a]', '{', 'kind: KubeArmorPolicy\u001b[31m', '- - -', '"\\u001b[2J": 1'];
  for (const text of texts) {
    const { code, out } = await check(put('hostile.yaml', text));
    assert.equal(code, 65, text);
    assert.doesNotMatch(out.join('\n'), /[\u0000-\u0009\u000b-\u001f]/u);
  }
});
