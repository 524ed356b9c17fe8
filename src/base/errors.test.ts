// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errnoText } from './errno.ts';
import { ERRORS, KubeArmorError } from './errors.ts';

function failureOf(path: string): unknown {
  try {
    return readFileSync(path);
  } catch (error) {
    return error;
  }
}

test('a failure of the file system says why in words, and what to do about this one', () => {
  const missing = failureOf('/nonexistent');
  assert.equal(errnoText(missing), 'no such file or folder (ENOENT)');
  assert.equal(new KubeArmorError('HOST_IO', 'm', { cause: missing }).hint, 'correct the path, or make its folder');
  assert.equal(new KubeArmorError('HOST_IO', 'm', { cause: failureOf('/') }).hint, 'name a file');
  assert.equal(new KubeArmorError('HOST_IO', 'm', { cause: failureOf('/dev/null/x') }).hint, 'correct the path');
});

test('what is not known keeps the general hint, and its own words', () => {
  assert.equal(new KubeArmorError('HOST_IO', 'm').hint, ERRORS.HOST_IO.hint);
  assert.equal(new KubeArmorError('UNREACHABLE', 'm', { cause: failureOf('/nonexistent') }).hint, ERRORS.UNREACHABLE.hint);
  assert.equal(errnoText(Object.assign(new Error('long text'), { code: 'EODD' })), 'EODD');
  assert.equal(errnoText(new Error('text')), 'text');
  assert.equal(errnoText('thrown'), 'thrown');
});
