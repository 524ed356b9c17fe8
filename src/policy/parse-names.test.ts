// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicyObject } from './parse.ts';

test('a name that only hosts take is a warning', () => {
  const warned = (name: string): string[] =>
    parsePolicyObject({ metadata: { name }, spec: {} }, { kind: 'KubeArmorPolicy' }).issues.flatMap(({ severity, code }) =>
      code === 'NAME_INVALID' ? [severity] : [],
    );
  for (const name of ['a', 'a--b.c-1', '1.2']) assert.deepEqual(warned(name), [], name);
  for (const name of ['A', 'a_b', 'a..b', 'a.-b', 'a-.b']) assert.deepEqual(warned(name), ['warning'], name);
});
