// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from './limits.ts';
import { parsePolicyText } from './parse.ts';
import type { ParsedDocument } from './parse.ts';

const HEAD = 'apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: p, namespace: shop}\n';
const told = (document: ParsedDocument | undefined): string[] =>
  (document?.issues ?? []).map((i) => `${i.severity} ${i.code} ${i.line}:${i.column} ${i.at}`);

test('several documents, empty ones left out, and Lists', () => {
  const one = `${HEAD}spec: {file: {matchPaths: [{path: /a}]}}\n`;
  const many = parsePolicyText(`---\n# nothing\n---\n${one}---\n${one}...\n---\nkind: Nope\n`, 'f');
  assert.deepEqual(
    many.map((d) => d.policy?.name),
    ['p', 'p', undefined],
  );
  assert.deepEqual(told(many[2]), [
    'error FIELD_MISSING 15:1 apiVersion',
    'error VALUE_UNKNOWN 15:7 kind',
    'error FIELD_MISSING 15:1 metadata.name',
  ]);
  const list = parsePolicyText(
    `apiVersion: v1\nkind: List\nitems:\n- ${one.trim().replaceAll('\n', '\n  ')}\n- kind: KubeArmorPolcy\n  apiVersion: security.kubearmor.com/v1\n  metadata: {name: q}\n`,
  );
  assert.equal(list[0]?.policy?.name, 'p');
  assert.deepEqual(told(list[1]), ['error VALUE_UNKNOWN 8:9 items[1].kind', 'warning FIELD_EMPTY 8:3 items[1].spec']);
});

test('JSON, with tabs, CRLF and a byte order mark', () => {
  const json = JSON.stringify(
    { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy', metadata: { name: 'p' }, spec: { severty: 3 } },
    undefined,
    '\t',
  );
  assert.deepEqual(told(parsePolicyText(`\uFEFF${json.replaceAll('\n', '\r\n')}`)[0]), ['error FIELD_UNKNOWN 8:3 spec.severty']);
});

const HOSTILE: readonly { name: string; text: string; place: string; problem: RegExp }[] = [
  { name: 'NUL bytes', text: 'a: b\nc: \0', place: '2:4', problem: /NUL/ },
  { name: 'not UTF-8', text: Buffer.from('a: b\nc: d\xff', 'latin1').toString('utf8'), place: '2:5', problem: /UTF-8/ },
  { name: 'tabs', text: 'a:\n\tb: c\n', place: '2:1', problem: /[Tt]ab/ },
  { name: 'an open quote', text: 'a: "b\n', place: '2:1', problem: /quote/ },
  { name: 'a tag', text: 'a: !x 1\n', place: '1:4', problem: /tag/i },
  { name: 'an unknown alias', text: 'a: *x\n', place: '1:4', problem: /alias/i },
  { name: 'a bracket bomb', text: '['.repeat(1_000_000), place: '1:', problem: /deeper/ },
  { name: 'a dash bomb', text: '- '.repeat(500_000), place: '1:', problem: /deeper/ },
  {
    name: 'an indentation bomb',
    text: Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    place: '',
    problem: /deeper/,
  },
  {
    name: 'an alias bomb',
    text: `a: &a [x,x]\n${'bcdefghijklmnopqrstuvwxyz'
      .split('')
      .map((c, i) => `${c}: &${c} [${`*${'abcdefghijklmnopqrstuvwxyz'[i]},`.repeat(9)}]`)
      .join('\n')}`,
    place: '',
    problem: /aliases expanded/,
  },
  { name: 'an alias of itself', text: 'a: &a [*a, *a]', place: '', problem: /more than/ },
  { name: 'a large file', text: 'a'.repeat(20_000_000), place: '1:1', problem: /20000000 bytes/ },
  { name: 'a large document', text: `a: ${'b'.repeat(LIMITS.documentBytes.value)}`, place: '1:1', problem: /document has/ },
  { name: 'many documents', text: '--- 1\n'.repeat(1_002), place: '', problem: /1000 documents/ },
  { name: 'many keys', text: Array.from({ length: 60_000 }, (_, i) => `a${i}: 1`).join('\n'), place: '', problem: /unknown field/ },
  {
    name: 'comma lists by alias',
    text: `${HEAD}spec:\n  network:\n    matchProtocols:\n${`- {protocol: &l "${'tcp,'.repeat(1000)}"}\n${'- {protocol: *l}\n'.repeat(9_000)}`.replaceAll(/^/gm, '    ').trimEnd()}`,
    place: '',
    problem: /rules, the limit/,
  },
];
for (const { name, text, place, problem } of HOSTILE) {
  test(`hostile text: ${name}`, () => {
    const start = performance.now();
    const [document] = parsePolicyText(text, 'f');
    assert.ok(performance.now() - start < 30_000, 'took too long');
    assert.equal(document?.policy, undefined);
    const issue = document?.issues.find((i) => i.severity === 'error' && problem.test(i.problem));
    assert.ok(issue, JSON.stringify(document?.issues.slice(0, 3)));
    assert.ok(`${issue.line}:${issue.column}`.startsWith(place), `${issue.line}:${issue.column}`);
  });
}

test('an error of the YAML keeps its point, and has a cure that fits', () => {
  const says = (text: string): string => {
    const { problem, cure } = parsePolicyText(text)[0]?.issues[0] ?? assert.fail(text);
    return `${problem} → ${cure}`;
  };
  assert.match(says('a: [b\nc: d\n'), /end with a \] → close the list with `\]`/);
  assert.match(says('a: {b: c\nd: e\n'), /end with a \} → close the map with `\}`/);
  assert.match(says('a: "b\n'), /closing "quote → close the quote$/);
  assert.match(says('a: @b\n'), /reserved character @ → quote the value$/);
  assert.match(says('a: it: works\n'), /compact mappings → quote the value/);
  assert.match(says('a: [b]]\n'), / → remove the bracket/);
});
