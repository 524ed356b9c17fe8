// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debianVersion, releaseVersion } from './version.ts';

const COMMIT = '929f85257ad80430e0d42b598b55daed81a613a2';
const of = (declared: string, tags: readonly string[] = [], dirty = false): string =>
  releaseVersion(declared, { commit: COMMIT, tags, dirty });

test('the version is package.json’s where the commit bears its tag, else one before it that names the commit', () => {
  assert.equal(of('1.2.3', ['v1.2.3', 'nightly', 'v1']), '1.2.3');
  assert.equal(of('1.2.3-rc.1', ['v1.2.3-rc.1']), '1.2.3-rc.1');
  assert.equal(of('1.2.3'), '1.2.3-dev.g929f85257ad8');
  assert.equal(of('1.2.3-rc.1'), '1.2.3-rc.1.dev.g929f85257ad8');
  assert.equal(of('1.2.3', ['v1.2.3'], true), '1.2.3-dev.g929f85257ad8.dirty');
});

test('a tag of another version and a version that is none are refused', () => {
  assert.throws(() => of('1.2.3', ['v1.2.4']), /tagged v1\.2\.4, package\.json says 1\.2\.3/);
  for (const wrong of ['1.2', '01.2.3', 'v1.2.3', '1.2.3+x', '']) assert.throws(() => of(wrong), /not SemVer/, wrong);
});

test('dpkg sorts what comes before a release before it', () => {
  assert.equal(debianVersion('1.2.3'), '1.2.3');
  assert.equal(debianVersion('1.2.3-dev.g929f'), '1.2.3~dev.g929f');
});
