// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEVIATIONS, meantBy } from './deviations.ts';
import { readCases } from './format.ts';
import type { ExecStep } from './format.ts';
import { missingOf } from './missing.ts';
import { familyOf } from './roots.ts';
import { stimulusOf } from './stimulus.ts';
import { HOST } from './workloads.ts';

const OWN = join(import.meta.dirname, 'cases');
const FAILING = join(import.meta.dirname, 'failing');
const SHARED = join(import.meta.dirname, '../../../shared/conformance/cases');

test('cases are read from files and folders; what is no case is told, not left out', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'below'));
  writeFileSync(join(folder, 'below/a.json'), '{ "id": "a", "steps": [] }');
  writeFileSync(join(folder, 'b.json'), '{ "id": "b" }');
  writeFileSync(join(folder, 'c.json'), '{ no');
  writeFileSync(join(folder, 'd.txt'), '');
  const all = readCases([folder, join(folder, 'below/a.json')]);
  assert.deepEqual(
    all.map(({ test: one, problem }) => one?.id ?? problem?.split(':')[0]),
    ['this is no case', 'a', 'SyntaxError', 'a'],
  );
  assert.throws(() => readCases([join(folder, 'none')]), /ENOENT/);
});

test('our cases: each has an id of its own, and those that must fail say how', () => {
  const own = readCases([OWN, FAILING]).map(({ test: one, problem, file }) => one ?? assert.fail(`${file}: ${problem}`));
  assert.equal(new Set(own.map(({ id }) => id)).size, own.length);
  for (const { id, fails_with } of own) assert.equal(fails_with !== undefined, id.startsWith('fails-'), id);
  assert.ok(own.length > 30);
});

const shellsOf = (workload: string, workloads = [HOST]) => familyOf(workloads.find(({ name }) => name === workload) ?? HOST).shells;

test('every operation of the collection has a stimulus', { skip: existsSync(SHARED) ? false : '../shared is not here' }, () => {
  let steps = 0;
  for (const { test: one } of readCases([SHARED])) {
    for (const step of meantBy(one!).test.steps ?? []) {
      if (step.do === 'exec') stimulusOf(step, shellsOf(step.workload, [...(one!.workloads ?? [])]), []);
      steps++;
    }
  }
  assert.ok(steps > 300);
});

test('a shell executes the actor in a child, as the user of the case', () => {
  const step: ExecStep = {
    do: 'exec',
    n: 1,
    workload: 'host',
    argv: ['bash', '-c', 'su - user1 -c "cat x"'],
    access: { actor: '/usr/bin/cat', op: 'open', object: '/x', uid: 1000 },
  };
  const { process, source, leading } = stimulusOf(step, shellsOf('host'), ['--caps', '1']);
  assert.equal(process.program, '/usr/bin/bash');
  const texts = process.steps.map((one) => (one.kind === 'operation' ? one.text : ''));
  assert.deepEqual(texts, ['fork', 'setgid 1000', 'setuid 1000', 'exec /usr/bin/cat', 'else-end', 'open r /x']);
  assert.deepEqual([source, leading], ['/usr/bin/cat', 6]);
  const alone = stimulusOf({ ...step, argv: ['cat', '/x'], access: { op: 'exec', actor: 'cat', object: '/usr/bin/cat' } }, {}, []);
  assert.deepEqual([alone.process.program, alone.process.steps, alone.source, alone.leading], ['/usr/bin/cat', [], undefined, 0]);
  assert.throws(() => stimulusOf({ ...step, access: { op: 'levitate' } }, shellsOf('host'), []), /no stimulus/);
});

test('what a case needs and is not here is named', () => {
  const steps = [
    { do: 'list_pods', n: 1 },
    { do: 'set_global_config', n: 2, changes: { AlertThrottling: 'true' } },
    { do: 'expect_event', n: 3, kind: 'alert', found: true, match: {}, implied_by_watch: { Operation: 'matches /(?i)Syscall/' } },
  ] as const;
  assert.deepEqual(missingOf({ id: 'x', title: '', env: 'k8s', steps }), ['kubernetes', 'throttling', 'syscalls']);
  assert.deepEqual(missingOf({ id: 'x', title: '', env: 'k8s', steps: [{ ...steps[2], found: false }] }), []);
});

test('deviations are few, and each says where semantics has it', () => {
  assert.ok(DEVIATIONS.length <= 5);
  for (const { paragraph } of DEVIATIONS) assert.match(paragraph, /^semantics\.md, section \d/);
});

test('the command says what is wrong with its arguments', () => {
  const command = join(import.meta.dirname, '../../tools/conformance.sh');
  const run = (...args: string[]) => spawnSync(command, args, { encoding: 'utf8' });
  for (const [args, said] of [
    [[], 'no cases'],
    [['--colour'], 'unknown option --colour'],
    [['/none/such'], 'there is no /none/such'],
  ] as const) {
    const { status, stderr } = run(...args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, new RegExp(said));
  }
});
