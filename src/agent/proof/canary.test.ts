// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '#host';
import type { RunResult } from '#host';
import { layOut } from '#policy';
import type { Access, Probe } from '#policy';
import { planText, readAnswers } from './plan-text.ts';

const PROGRAM = fileURLToPath(new URL('../../../.cache/native/canary', import.meta.url));
const passed = { outcome: 'passed' } as const;
const probe = (access: Access): Probe => ({ access, expected: passed, family: 'file', proves: [] });
const S = '/usr/bin/some program';
const file = (kind: 'read' | 'write', path: string, owner = true): Access => ({ kind, object: { path }, owner, subject: S });

interface Tried extends RunResult {
  readonly mountpoint: string;
  readonly cgroup: string;
}

/** Runs a plan where the cgroup is a folder; undefined where this user may not make name spaces. */
async function tryPlan(t: TestContext, plan: string): Promise<Tried | undefined> {
  const home = mkdtempSync(join(tmpdir(), 'canary-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  writeFileSync(join(home, 'cgroup.procs'), '');
  const result = await run(PROGRAM, [home, home], { input: plan });
  const isBarred = result.exitCode === 2 && /unshare|mount|private/.test(result.stderr);
  if (isBarred) t.skip(result.stderr.trim());
  return isBarred ? undefined : { ...result, mountpoint: home, cgroup: home };
}

test('where nothing forbids anything every access passes, and nothing is left', { skip: !existsSync(PROGRAM) }, async (t) => {
  const runtime = { runtime: true } as const;
  const accesses: readonly Access[] = [
    file('read', '/etc/shadow'),
    file('write', '/data/100%/ä\u0001 b'),
    file('read', '/var/other', false),
    file('read', '/etc'),
    file('read', '/'),
    { kind: 'exec', object: { path: '/bin/sh' }, owner: true, applet: 'sh', subject: runtime },
    { kind: 'exec', object: { path: '/bin/other' }, owner: false, applet: 'canary-probe', subject: S },
    { kind: 'socket', op: 'create', domain: 2, type: 1, protocol: 6, subject: S },
    { kind: 'socket', op: 'ingress', domain: 2, type: 1, protocol: 6, port: 8080, subject: S },
  ];
  const root = layOut(accesses.map(probe));
  assert.equal(root.rest.length, 0);
  const tried = await tryPlan(t, planText(root));
  if (tried === undefined) return;
  assert.equal(tried.exitCode, 0, tried.stderr);
  const { errnos, notStarted } = readAnswers(tried.stdout);
  assert.deepEqual(notStarted, []);
  assert.deepEqual(
    [...errnos].toSorted(([a], [b]) => a - b),
    accesses.map((_, i) => [i, 0]),
  );
  assert.deepEqual(readdirSync(tried.mountpoint), ['cgroup.procs']);
  assert.equal(readFileSync(join(tried.cgroup, 'cgroup.procs'), 'utf8'), '0', 'it joined');
});

test('a program that cannot be executed is told, and nobody is met in its network', { skip: !existsSync(PROGRAM) }, async (t) => {
  const tried = await tryPlan(t, 'D /x\nF /x/file\nP /x/me\nS /none\nr 0 /x/file\nS /x/me\nc 1 2 2 17 53 192.0.2.1\nr 2 /none\n');
  if (tried === undefined) return;
  const { errnos, notStarted } = readAnswers(tried.stdout);
  assert.deepEqual(notStarted, [2]);
  assert.deepEqual(
    [...errnos],
    [
      [1, 101],
      [2, 2],
    ],
  );
});

for (const path of ['/..', '/../etc/x', '/a/../../x', 'a', '/%2e%2e/x', '/%00x', '/%zz', ''])
  test(`a plan with ${JSON.stringify(path)} is refused before anything is done`, { skip: !existsSync(PROGRAM) }, async (t) => {
    const tried = await tryPlan(t, `F ${path}\nR\n`);
    if (tried === undefined) return;
    assert.equal(tried.exitCode, 2);
    assert.match(tried.stderr, /^canary: (path|file|plan): E/);
    assert.deepEqual(readdirSync(tried.mountpoint), ['cgroup.procs']);
  });

test('what is not an answer is none', () => {
  const { errnos, notStarted } = readAnswers('0 13\nS 2\nx\n1 2 3\n 4 5\n9999999 1\n7 -1\n');
  assert.deepEqual([...errnos], [[0, 13]]);
  assert.deepEqual(notStarted, [2]);
});
