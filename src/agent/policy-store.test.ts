// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyFile } from './policy-files.ts';
import { backupFileName } from './policy-identity.ts';
import { PolicyStore } from './policy-store.ts';

const yaml = (name: string, path = '/bin/sh'): string =>
  `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: "${name}"}\nspec: {process: {matchPaths: [{path: ${path}}]}}\n`;

function storeOf(files: Readonly<Record<string, string>>): PolicyStore {
  const store = new PolicyStore();
  for (const [path, text] of Object.entries(files)) store.put(parsePolicyFile(path, text));
  return store;
}
const put = (store: PolicyStore, path: string, text: string): boolean => store.put(parsePolicyFile(path, text));
const inForce = (store: PolicyStore): string[] => store.policies().map(({ policy, path }) => `${policy.name}@${path}`);

test('several documents in several files', () => {
  assert.deepEqual(inForce(storeOf({ '/a': `${yaml('x')}---\n${yaml('y')}`, '/b': yaml('z') })), ['x@/a', 'y@/a', 'z@/b']);
});

test('a file that breaks keeps its last good version; mended, the new one counts', () => {
  const store = storeOf({ '/a': yaml('x') });
  for (const broken of ['spec: [', `${yaml('new')}---\nkind: Nonsense\n`, '']) {
    assert.equal(put(store, '/a', broken), false);
    assert.deepEqual(inForce(store), ['x@/a']);
    assert.equal(store.problems().length, 1, broken);
  }
  assert.match(store.problems()[0]?.problem ?? '', /empty; delete it .*last good version/);
  assert.equal(put(store, '/a', yaml('x2')), true);
  assert.deepEqual([inForce(store), store.problems()], [['x2@/a'], []]);
});

test('a file that never was good gives what is good in it', () => {
  const store = storeOf({ '/a': `${yaml('x')}---\nkind: Nonsense\n` });
  assert.deepEqual(inForce(store), ['x@/a']);
  assert.match(store.problems()[0]?.problem ?? '', /apiVersion.* and 2 more$/);
});

test('the first of two policies with one identity counts, until its file gives it up', () => {
  const store = storeOf({ '/a': yaml('x'), '/b': `${yaml('x', '/bin/b')}---\n${yaml('y')}` });
  assert.deepEqual(inForce(store), ['x@/a', 'y@/b']);
  assert.match(store.problems()[0]?.problem ?? '', /KubeArmorPolicy container_namespace\/x is there already, from \/a/);
  assert.equal(store.remove('/a'), true);
  assert.deepEqual([inForce(store), store.problems()], [['x@/b', 'y@/b'], []]);
});

test('the same content again is no change', () => {
  const store = storeOf({ '/a': yaml('x') });
  const [before] = store.policies();
  assert.equal(put(store, '/a', yaml('x')), false);
  assert.equal(store.policies()[0]?.policy, before?.policy);
});

test('backup files: one for each identity, never too long a name', () => {
  const names = [
    backupFileName({ kind: 'KubeArmorPolicy', name: 'a' }),
    backupFileName({ kind: 'KubeArmorHostPolicy', name: 'a' }),
    backupFileName({ kind: 'KubeArmorPolicy', name: 'hsp.a' }),
    backupFileName({ kind: 'KubeArmorPolicy', name: 'a'.repeat(253) }),
    backupFileName({ kind: 'KubeArmorPolicy', name: `${'a'.repeat(252)}b` }),
  ];
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => name.length < 240 && name.endsWith('.yaml')));
});
