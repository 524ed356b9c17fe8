// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '#policy';
import { folder, HEAD, karmor, POLICY, put } from '../testing-policies.ts';
import { QUESTION_WORDS } from './explain.ts';

test('karmor explain: the verdict first, then the candidates and why each lost', async () => {
  const { code, text, out } = await karmor('explain', POLICY, '--exec', '/bin/sh');
  assert.equal(code, 1);
  assert.equal(out[0], 'DENIED  run /bin/sh');
  assert.match(text, /by the Block rule \/bin\/sh, web\n?\s*\(.*web\.yaml:12:9\)/);
  assert.match(text, /no\s+shells/);
  assert.match(
    text,
    /1\. {2}Block \/bin\/sh, web[^]*\[exact\s+path\]:\s+decides[^]*2\. {2}Allow \/bin\/\*\*[^]*loses:\s+exact\s+path\s+comes\s+first/,
  );
  assert.match(text, /Default posture\n {2}- {2}audit: counts since/);
  assert.ok(
    out.every((line) => line.length <= 80 || line.includes(folder)),
    text,
  );
});

test('karmor explain: default posture, near misses, other workloads, JSON', async () => {
  const posture = await karmor('explain', '-p', POLICY, '--posture', 'file=block', '--exec', '/opt/x');
  assert.equal(posture.code, 1);
  assert.match(posture.text, /No rule of the family process matches/);
  const near = await karmor('explain', POLICY, '--connect', 'tcp:10.0.0.1:80');
  assert.equal(near.code, 0);
  assert.match(near.text, /^ALLOWED[^]*for egress port\s+443 only/);
  const other = await karmor('explain', POLICY, '--labels', 'app=db', '--exec', '/bin/sh');
  assert.match(other.text, /^ALLOWED[^]*Policies that do not select this workload\n {2}- {2}web/);
  const json = JSON.parse((await karmor('explain', POLICY, '--exec', '/bin/sh', '--mode', 'audited', '-o', 'json')).text) as Record<
    string,
    unknown
  >;
  assert.deepEqual([json['outcome'], json['action'], json['decider']], ['audited', 'Audit (Block)', 'rule']);
});

const LIBRARIES = put(
  'libraries.yaml',
  `${HEAD}  process:
    matchPaths: [{path: /lib/named.so, action: Block}]
  file:
    matchPaths: [{path: /lib/evil.so, action: Block}, {path: /lib/seen.so, action: Audit}]
`,
);

test('karmor explain and policy test: an executable mapping is a read too, and the first refusal decides', async () => {
  for (const [path, first, by] of [
    ['/lib/evil.so', 'DENIED  read /lib/evil.so, to map it executable', /Block\s+rule\s+\/lib\/evil\.so/],
    ['/lib/named.so', 'DENIED  map executable /lib/named.so', /Block\s+rule\s+\/lib\/named\.so/],
    ['/lib/seen.so', 'AUDITED  read /lib/seen.so, to map it executable', /Audit\s+rule\s+\/lib\/seen\.so/],
    ['/lib/other.so', 'ALLOWED  map executable /lib/other.so', /No\s+rule\s+matches/],
  ] as const) {
    const { code, out, text } = await karmor('explain', LIBRARIES, '--map', path);
    assert.deepEqual([out[0], code], [first, first.startsWith('DENIED') ? 1 : 0]);
    assert.match(text, by);
  }
  const tests = `policies: [libraries.yaml]
workload: {labels: {app: web}, namespace: shop}
tests:
  - {map: /lib/evil.so, expect: denied, rule: "spec.file.matchPaths[0]"}
  - {map: /lib/named.so, expect: denied, rule: "spec.process.matchPaths[0]"}
  - {map: /lib/other.so, expect: allowed}
`;
  const { code, text } = await karmor('policy', 'test', put('libraries.test.yaml', tests));
  assert.equal(code, 0, text);
});

test('karmor explain: a label may have an empty value, as in a policy', async () => {
  const file = put('empty-value.yaml', `${HEAD.replace('app: web', 'app: ""')}  process: {matchPaths: [{path: /bin/sh, action: Block}]}\n`);
  const [empty, other] = [
    await karmor('explain', file, '-l', 'app=', '--exec', '/bin/sh'),
    await karmor('explain', file, '-l', 'app=web', '--exec', '/bin/sh'),
  ];
  assert.deepEqual([empty.code, other.code], [1, 0], empty.err.join());
});

test('karmor explain: wrong input is one line with a cure and exit 2', async () => {
  for (const [args, wanted] of [
    [[POLICY], /nothing is asked: add one of --exec, --read/],
    [[POLICY, '--exec', '/a', '--read', '/b'], /--exec and --read: ask one thing at a time/],
    [[POLICY, '--exec', 'sh'], /--exec: `sh` is not an absolute path: start it with \//],
    [[POLICY, '--exec', '/a', '--posture', 'fiel=block'], /--posture: there is no ‘fiel’: did you mean file\?/],
    [[POLICY, '--capability', 'NET_ROW'], /did you mean `NET_RAW`/],
    [[POLICY, '--connect', 'tcp:example.org:443'], /names are not looked up/],
    [[POLICY, '--exce', '/bin/sh'], /did you mean --exec\?/],
    [['--exec', '/bin/sh'], /no policies: name a file or folder/],
    [[POLICY, '--exec', '/a', '--labels', 'app'], /--labels app: write it as app=web/],
    [[POLICY, '--exec', '/a', '--labels', '=web'], /--labels =web: write it as app=web/],
    [[POLICY, '--exec', '/a', '--link', '/bin/sh='], /--link \/bin\/sh=: write it as \/bin\/sh=busybox/],
  ] as const) {
    const { code, err, out } = await karmor('explain', ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err.join('\n'), wanted);
    assert.deepEqual([err.length, out.length], [1, 0]);
  }
});

test('the questions of explain are those of test files', () => {
  assert.deepEqual(QUESTION_WORDS, Object.keys(OPERATIONS));
});
