// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyText } from './parse.ts';

const HEAD =
  'apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: p}\nspec:\n  selector: {matchLabels: {a: b}}\n';

test('a mistyped field that is required is told once, with its name', () => {
  const problems = (spec: string): string[] =>
    (parsePolicyText(`${HEAD}${spec}`)[0]?.issues ?? []).map(({ code, at, cure }) => `${code} ${at}: ${cure}`);
  assert.deepEqual(problems('  file:\n    matchPaths: [{pth: /x}]'), ['FIELD_UNKNOWN spec.file.matchPaths[0].pth: did you mean `path`?']);
  assert.deepEqual(problems('  process:\n    matchPaths: [{pth: /x}]'), [
    'FIELD_UNKNOWN spec.process.matchPaths[0].pth: did you mean `path`?',
  ]);
  assert.deepEqual(problems('  process:\n    matchPaths: [{path: /x, pth: true}]'), [
    'FIELD_UNKNOWN spec.process.matchPaths[0].pth: did you mean `pts`?',
  ]);
  assert.deepEqual(problems('  file:\n    matchPatterns: [{path: /x}]'), [
    'FIELD_UNKNOWN spec.file.matchPatterns[0].path: did you mean `pattern`?',
  ]);
  assert.deepEqual(
    problems('  file:\n    matchPaths: [{bogus: /x}]').map((line) => line.split(' ', 1)[0]),
    ['FIELD_UNKNOWN', 'FIELD_MISSING'],
  );
});
