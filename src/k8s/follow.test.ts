// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { Kind, KubeObject, WatchChange } from './api.ts';
import { follow, Followed } from './follow.ts';

const KIND: Kind = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const object = (name: string): KubeObject => ({ apiVersion: 'v1', kind: KIND.kind, metadata: { name } });

test('follow: an object that cannot be taken in is told of, and the others come', async () => {
  const changes: readonly WatchChange[] = [
    { kind: 'synced', objects: [object('a'), object('bad'), object('b')] },
    { kind: 'modified', object: object('bad') },
    { kind: 'deleted', object: object('bad') },
    { kind: 'added', object: object('c') },
  ];
  const [told, failed]: [string[], string[]] = [[], []];
  const act = (what: string, name: string): void => {
    if (name === 'bad' || name === 'gone') throw new RangeError('too deep');
    told.push(`${what} ${name}`);
  };
  const following = {
    names: () => ['gone', 'old'],
    put: ({ metadata: { name } }: KubeObject) => act('put', name),
    remove: (name: string) => act('remove', name),
  };
  const followed = new Followed(() => {});
  const onFailure = (which: { readonly kind: string; readonly name: string }, error: unknown): void =>
    void failed.push(`${which.kind} ${which.name} ${String(error)}`);
  const api = { watch: () => Readable.from(changes) as AsyncIterable<WatchChange> };
  await follow(api, { kind: KIND, selection: {} }, { followed, following, onFailure }, new AbortController().signal);
  assert.deepEqual(told, ['put a', 'put b', 'remove old', 'put c']);
  assert.deepEqual(
    failed,
    ['bad', 'gone', 'bad', 'bad'].map((name) => `ConfigMap ${name} RangeError: too deep`),
  );
  assert.ok(followed.isSettled);
});
