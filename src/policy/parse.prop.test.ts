// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePolicyObject, parsePolicyText } from './parse.ts';
import { holds, SNIPPETS, VALID_DOCUMENTS as VALID } from './testing/documents.ts';

const edit = fc.record({
  at: fc.nat(),
  cut: fc.nat({ max: 12 }),
  put: fc.oneof(fc.constantFrom(...SNIPPETS), fc.string({ maxLength: 6, unit: 'binary' })),
});

test('parsePolicyText: changed documents never throw, and every issue has a place', () => {
  fc.assert(
    fc.property(fc.constantFrom(...VALID), fc.array(edit, { minLength: 1, maxLength: 6 }), (valid, edits) => {
      let text = valid;
      for (const { at, cut, put } of edits) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + put + text.slice(place + cut);
      }
      for (const document of parsePolicyText(text, 'f')) holds(document, true);
    }),
    { numRuns: 2_000 },
  );
});

test('parsePolicyObject: objects with any values in place of theirs never throw', () => {
  const policy = { metadata: { name: 'p' }, spec: {} as Record<string, unknown> };
  const key = fc.constantFrom(
    'process',
    'file',
    'network',
    'selector',
    'nodeSelector',
    'matchPaths',
    'matchDirectories',
    'matchPatterns',
    'path',
    'dir',
    'pattern',
    'fromSource',
    'matchProtocols',
    'protocol',
    'syscalls',
    'matchSyscalls',
    'syscall',
    'ingress',
    'egress',
    'from',
    'ipBlock',
    'ports',
    'port',
    'presets',
    'name',
    'action',
    'device',
    'matchDevice',
    'class',
    'matchExpressions',
    'key',
    'operator',
    'values',
    'matchLabels',
    '__proto__',
    'constructor',
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<unknown>(null, undefined, true, 0, 1, NaN, '', '/a', '/a/*', 'tcp,udp', 'In', 'Block', 'label'),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(key, tie('any'), { maxKeys: 4 }),
      fc.string({ unit: 'binary' }),
    ),
  })).any;
  const kind = fc.constantFrom('KubeArmorPolicy', 'KubeArmorHostPolicy', 'KubeArmorClusterPolicy', 'KubeArmorNetworkPolicy' as const);
  fc.assert(
    fc.property(kind, fc.dictionary(key, value, { maxKeys: 5 }), (k, spec) =>
      holds(parsePolicyObject({ ...policy, spec }, { kind: k }), false),
    ),
    { numRuns: 2_000 },
  );
});

test('the documents that are changed above are good', () => {
  for (const text of VALID) for (const document of parsePolicyText(text)) assert.ok(document.policy, JSON.stringify(document.issues));
});
