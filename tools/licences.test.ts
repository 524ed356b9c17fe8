// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findProblems, isAllowed } from './licences.ts';

const good = { version: '1.2.3', license: 'MIT', integrity: 'sha512-x' };
const problems = (entry: object, wanted = '1.2.3') =>
  findProblems({ dependencies: { a: wanted } }, { packages: { '': {}, 'node_modules/a': { ...good, ...entry } } }, undefined);

test('a dependency with an exact version, a hash and an allowed licence is taken', () => assert.deepEqual(problems({}), []));

test('expressions are read', () => {
  for (const taken of ['MIT', '(Apache-2.0 AND BSD-3-Clause)', '(GPL-3.0-only OR MIT)']) assert.ok(isAllowed(taken), taken);
  for (const refused of ['GPL-3.0-only', 'MIT AND GPL-3.0-only', 'SEE LICENSE IN x', '']) assert.ok(!isAllowed(refused), refused);
});

test('each fault is named', () => {
  assert.match(problems({ license: 'AGPL-3.0-only' }).join(), /licence AGPL-3.0-only/);
  assert.match(problems({ license: undefined }).join(), /licence unknown/);
  assert.match(problems({ integrity: undefined }).join(), /no hash/);
  assert.match(problems({}, '^1.2.3').join(), /not for one exact version/);
  assert.match(problems({}, '1.2.4').join(), /package-lock.json has 1.2.3/);
});

test('what got installed must be what the lock file says', () => {
  const lock = { packages: { 'node_modules/a': good } };
  assert.deepEqual(findProblems({}, lock, lock), []);
  const other = { packages: { 'node_modules/a': { ...good, version: '1.2.4' }, 'node_modules/b': good } };
  assert.equal(findProblems({}, lock, other).length, 2);
});
