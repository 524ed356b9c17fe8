// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '#policy';
import { folder, karmor, POLICY } from '../testing-policies.ts';
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
