// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyText } from './parse.ts';
import { plainScalar } from './yaml-scalars.ts';

/** As `kubectl annotate --local -o json` 1.32 gave them back; `undefined`: the word stays as YAML 1.2 reads it. */
const SEEN: readonly (readonly [source: string, seen: unknown])[] = [
  ['y', true],
  ['on', true],
  ['off', false],
  ['No', false],
  ['oN', undefined],
  ['010', 8],
  ['-010', -8],
  ['0o10', 8],
  ['0b11', 3],
  ['0x1F', 31],
  ['-0x10', -16],
  ['08', undefined],
  ['0', undefined],
  ['1_000', 1000],
  ['1__0', 10],
  ['1_0.5', 10.5],
  ['_1', undefined],
  ['2001-12-14', undefined],
  ['1:30', undefined],
  ['10.0.0.1_a', undefined],
];

test('plain scalars are read as kubectl reads them', () => {
  for (const [source, seen] of SEEN) assert.deepEqual(plainScalar(source, undefined), seen, source);
});

const policy = (label: string, recursive: string): string => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: p}
spec:
  selector: {matchLabels: {app: ${label}}}
  file: {matchDirectories: [{dir: /etc/, recursive: ${recursive}}]}
`;
const problems = (text: string): string[] => (parsePolicyText(text)[0]?.issues ?? []).map(({ at, cure }) => `${at}: ${cure}`);

test('a word that kubectl takes for a boolean is one here: a label of it is refused by both', () => {
  assert.deepEqual(problems(policy('web', 'yes')), []);
  assert.deepEqual(problems(policy('"on"', 'true')), []);
  assert.deepEqual(problems(policy('on', 'true')), ['spec.selector.matchLabels.app: put it in quotes']);
});

test('a quoted word is text here and there', () => {
  assert.deepEqual(problems(policy('web', '"yes"')), ['spec.file.matchDirectories[0].recursive: remove the quotes: yes']);
});
