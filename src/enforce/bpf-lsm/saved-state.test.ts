// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseState } from './saved-state.ts';

const image = { id: 1, slot: 0, sizeClass: 0, flags: 0, key: 'k', rules: [] };
const scope = { number: 1, key: 'a', cgroupId: '77', imageId: 1 };
const state = { schemaVersion: 1, missing: [], nextImageId: 2, images: [image], scopes: [scope] };

test('a saved state is taken as it was written, without images too', () => {
  assert.deepEqual(parseState(JSON.stringify(state)), state);
  const bare = { ...state, scopes: [{ number: 1, key: 'a', cgroupId: '77' }] };
  assert.deepEqual(parseState(JSON.stringify(bare)), bare);
});

test('a state of which any part is not what it must be is none', () => {
  const wrong: readonly object[] = [
    { ...state, schemaVersion: 2 },
    { ...state, missing: null },
    { ...state, nextImageId: '2' },
    { ...state, images: [null] },
    { ...state, images: [{ ...image, sizeClass: 3 }] },
    { ...state, images: [{ ...image, rules: [{}] }] },
    { ...state, scopes: [{ ...scope, cgroupId: '0x' }] },
    { ...state, scopes: [{ ...scope, imageId: -1 }] },
    [],
  ];
  for (const one of wrong) assert.equal(parseState(JSON.stringify(one)), undefined, JSON.stringify(one));
  assert.equal(parseState('{"schemaVersion":1'), undefined);
});
