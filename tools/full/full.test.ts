// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Part } from './parts.ts';
import { PARTS } from './parts.ts';
import { placed, readResult, section, summarise } from './report.ts';
import { keepState, openState, PAGE } from './state.ts';
import type { UnitResult } from './state.ts';

const part: Part = {
  name: 'fuzz',
  what: 'a | b',
  units: 2,
  command: () => ['true'],
  secondsMax: 1,
  measures: [{ of: 'accesses', pattern: /^(\d+) accesses/m }],
};
const unit = (over: Partial<UnitResult> = {}): UnitResult => ({
  passed: 50,
  failed: 0,
  skipped: 0,
  seconds: 3,
  attempts: 1,
  measures: { accesses: 2000 },
  kernels: ['6.12.1'],
  ...over,
});
const state = { commit: 'c'.repeat(40), changed: false, content: 't', seed: 7 };

test('a unit failed where its last line does not say otherwise', () => {
  const read = (text: string, status = 0): string => {
    const { passed, failed, skipped } = readResult(text, status, part);
    return `${passed} ${failed} ${skipped}`;
  };
  assert.equal(read('x\n3 passed, 0 failed\n'), '3 0 0');
  assert.equal(read('2 skipped\n3 passed, 1 failed\n', 1), '3 1 2');
  assert.equal(read('3 passed, 0 failed, 4 skipped\n'), '3 0 4');
  assert.equal(read('3 passed, 0 failed\n', 1), '3 1 0');
  assert.equal(read('0 passed, 0 failed\n'), '0 1 0');
  assert.equal(read('3 passed, 0 failed\nkilled\n'), '0 1 0');
  const { measures, kernels } = readResult('Linux 6.12.9+deb, seed 1\n40 accesses over\n1 passed, 0 failed', 0, part);
  assert.deepEqual([measures, kernels], [{ accesses: 40 }, ['6.12.9+deb']]);
});

test('figures are summed over units, and a part that is not complete says so', () => {
  const half = { ...state, results: { 'fuzz 0': unit() } };
  assert.match(section([part], half, '2026-01-02'), /1 of 2 runs so far/);
  const whole = { ...state, results: { 'fuzz 0': unit(), 'fuzz 1': unit({ kernels: ['6.12.1'], attempts: 2 }) } };
  assert.deepEqual(summarise(part, whole)?.measures, { accesses: 4000 });
  assert.match(
    section([part], whole, '2026-01-02'),
    /2026-01-02, commit `cccccccccccc`, seed 7[^]*100 passed, 0 failed, at attempt 2 \| 4000 accesses \| 6.12.1/,
  );
  assert.match(section([part], { ...state, changed: true, results: {} }, 'd'), /with changes[^]*not run/);
});

test('a new table takes the place of the one before, and of nothing else', () => {
  const table = (date: string): string => section([part], { ...state, results: {} }, date);
  const first = placed(undefined, table('one'));
  const more = `${first}\n## By hand\n`;
  assert.equal(placed(more, table('two')), more.replace('one,', 'two,'));
  assert.match(placed('# Page\n\ntext\n', table('one')), /^# Page\n\ntext\n\n<!--/);
});

test('a run is kept under the content of the tree, whatever the page of results says', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'full-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const git = (...words: readonly string[]): unknown =>
    execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@t', ...words]);
  git('init', '-q');
  writeFileSync(join(root, '.gitignore'), '.cache\n');
  writeFileSync(join(root, 'a'), '1');
  git('add', '-A');
  git('commit', '-qm', 'one');
  const fresh = openState(root, 7);
  assert.equal(fresh.changed, false);
  keepState(root, { ...fresh, results: { 'fuzz 0': unit() } });
  execFileSync('mkdir', ['-p', join(root, 'docs/reference')]);
  writeFileSync(join(root, PAGE), 'results');
  assert.deepEqual(Object.keys(openState(root, 8).results), ['fuzz 0']);
  assert.equal(openState(root, 8).seed, 7, 'an interrupted run goes on with its seed');
  writeFileSync(join(root, 'a'), '2');
  const other = openState(root, 8);
  assert.deepEqual([other.results, other.changed, other.seed], [{}, true, 8]);
});

test('parts have names of their own', () => {
  assert.equal(new Set(PARTS.map(({ name }) => name)).size, PARTS.length);
});
