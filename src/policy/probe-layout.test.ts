// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Access } from './access.ts';
import { layOut, ROOT_PROBES_MAX } from './probe-layout.ts';

const on = (kind: 'read' | 'write' | 'exec', path: string, { owner = true, subject = '/s' } = {}): { access: Access } => ({
  access: { kind, object: { path }, owner, subject },
});
const paths = (probes: readonly { access: Access }[]): string[] =>
  probes.map(({ access }) => ('object' in access ? `${access.kind} ${access.object.path}` : access.kind));

test('a root has every object, every program and the folders above them', () => {
  const { nodes, rest } = layOut([on('read', '/a/b'), on('exec', '/p/q', { owner: false }), on('write', '/w'), on('read', '/')]);
  assert.deepEqual(rest, []);
  assert.deepEqual(Object.fromEntries(nodes), {
    '/': { kind: 'folder', owned: true },
    '/a': { kind: 'folder', owned: true },
    '/a/b': { kind: 'any', owned: true },
    '/p': { kind: 'folder', owned: true },
    '/p/q': { kind: 'program', owned: false },
    '/s': { kind: 'program', owned: true },
    '/w': { kind: 'file', owned: true },
  });
});

test('what needs a path to be two things waits for the next root', () => {
  const clashes = [
    [on('write', '/a'), on('read', '/a/b')],
    [on('exec', '/a'), on('write', '/a')],
    [on('read', '/a'), on('read', '/a', { owner: false })],
    [on('read', '/x'), on('read', '/s/below')],
  ] as const;
  for (const [first, second] of clashes) {
    const { probes, rest } = layOut([first, second]);
    assert.deepEqual([paths(probes), paths(rest)], [paths([first]), paths([second])]);
  }
});

test('what is only read can be anything', () => {
  for (const other of [on('read', '/a/b'), on('write', '/a'), on('exec', '/a')])
    for (const order of [
      [on('read', '/a'), other],
      [other, on('read', '/a')],
    ])
      assert.deepEqual(layOut(order).rest, []);
});

test('what no root can hold is in none', () => {
  for (const impossible of [on('write', '/'), on('exec', '/'), on('read', '/s/x'), on('write', '/s')])
    assert.deepEqual(layOut([impossible]).probes, []);
});

test('a root holds so many and no more', () => {
  const many = Array.from({ length: ROOT_PROBES_MAX + 3 }, (_, i) => on('read', `/${i}`));
  assert.equal(layOut(many).rest.length, 3);
});
