// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from './limits.ts';
import { parsePolicyObject } from './parse.ts';
import { nested } from './testing/documents.ts';

test('parsePolicyObject: what nests deeper than the bound is refused, however deep; at the bound it is not', () => {
  const object = (levels: number): unknown => ({
    apiVersion: 'security.kubearmor.com/v1',
    kind: 'KubeArmorPolicy',
    metadata: { name: 'a' },
    spec: { x: nested(levels) },
  });
  const codes = (levels: number): string[] =>
    parsePolicyObject(object(levels), { file: 'rpc' }).issues.map(({ code, file }) => `${code} ${file}`);
  assert.deepEqual(codes(LIMITS.nestingDepth.value - 1), ['FIELD_UNKNOWN rpc']);
  for (const levels of [LIMITS.nestingDepth.value, 5_000, 100_000]) assert.deepEqual(codes(levels), ['LIMIT_EXCEEDED rpc']);
});
