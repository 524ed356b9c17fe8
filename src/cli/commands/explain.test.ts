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

const joined = (text: string): string => text.replaceAll(/\s+/g, ' ');

test('karmor explain: in mode disabled nothing is said to decide', async () => {
  const asked = [POLICY, '--exec', '/bin/sh', '--mode', 'disabled'];
  const { code, text } = await karmor('explain', ...asked);
  assert.equal(code, 0);
  assert.match(
    joined(text),
    /^ALLOWED run \/bin\/sh by .* The workload’s mode is disabled: no rules count\. Rules that would match in mode enabled/,
  );
  assert.match(joined(text), /1\. Block \/bin\/sh, web \S+ \[exact path\]: would decide 2\. Allow /);
  assert.doesNotMatch(text, /: decides|loses|Default posture|Good to know/);
  const json = JSON.parse((await karmor('explain', ...asked, '-o', 'json')).text) as {
    decider: string | null;
    candidates: { decides: boolean }[];
    notes: string[];
  };
  assert.deepEqual([json.decider, json.candidates.map(({ decides }) => decides), json.notes], [null, [false, false], []]);
});

test('karmor explain: in mode audited nothing is said to be denied', async () => {
  const rule = await karmor('explain', POLICY, '--exec', '/bin/sh', '--mode', 'audited');
  assert.equal(rule.code, 0);
  assert.match(
    joined(rule.text),
    /The Block rule \/bin\/sh, web \S+ would deny it\. It says: “no shells”\. The workload’s mode is audited, so it passes with the alert `Audit \(Block\)`\./,
  );
  const posture = await karmor('explain', POLICY, '--exec', '/opt/x', '--mode', 'audited', '--posture', 'block');
  assert.match(
    joined(posture.text),
    /has Allow rules, so the default posture would deny it\. The workload’s mode is audited, so it passes/,
  );
  for (const { text } of [rule, posture]) assert.doesNotMatch(text, /denies|is denied|A copy of/);
  const audit = await karmor('explain', POLICY, '--exec', '/bin/ping', '--mode', 'audited');
  assert.match(joined(audit.text), /It passes with an alert by the Audit rule/);
});

test('karmor explain: without --from no program is said to have been asked for, and none to be unnamed where all are named', async () => {
  const all = put(
    'all.yaml',
    `${HEAD}  file: {matchPaths: [{path: /etc/shadow, action: Block, fromSource: [{dir: /, recursive: true}]}]}\n`,
  );
  const { text } = await karmor('explain', all, '--read', '/etc/shadow');
  assert.match(joined(text), /^DENIED read \/etc\/shadow by \/usr\/local\/bin\/any-program, for example \(--from names another\) /);
  assert.match(joined(text), /`fromSource` names every program: for another one the answer may differ\./);
  const some = await karmor('explain', POLICY, '--exec', '/bin/sh');
  assert.match(some.text, /\n {2}by {2}any program that no `fromSource` names \(--from names one\)\n/);
  const subjectOf = async (...more: string[]): Promise<unknown> =>
    (JSON.parse((await karmor('explain', all, '--read', '/etc/shadow', '-o', 'json', ...more)).text) as { subject: unknown }).subject;
  assert.equal(await subjectOf(), null);
  assert.equal(await subjectOf('--from', '/bin/app'), '/bin/app');
  assert.equal(await subjectOf('--from', 'runtime'), 'the runtime, before the first exec');
});

test('karmor explain: the notes are about what was asked', async () => {
  const file = put('notes.yaml', `${HEAD}  file: {matchPaths: [{path: /opt/x, action: Block}]}\n`);
  for (const [operation, wanted, other] of [
    ['read', /can still be read\./, /writable|executable|new name/],
    ['write', /stay writable\./, /readlink|still be read|executable|new name/],
    ['rename', /The new name is judged too/, /readlink|still be read|executable|writable/],
    ['map', /stay executable\./, /readlink|still be read|writable|new name/],
  ] as const) {
    const { text } = await karmor('explain', file, `--${operation}`, '/opt/x');
    const notes = joined(text.split('Good to know')[1] ?? '');
    assert.match(notes, wanted);
    assert.doesNotMatch(notes, other);
  }
});

test('karmor explain: a rule on programs that keeps a file from being mapped does not keep its copy', async () => {
  assert.match(
    (await karmor('explain', LIBRARIES, '--map', '/lib/named.so')).text,
    /A copy of the file under another name is another file\./,
  );
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
