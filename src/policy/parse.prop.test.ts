// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePolicyObject, parsePolicyText } from './parse.ts';
import type { ParsedDocument } from './parse.ts';
import type { PathObject } from './model.ts';

const VALID = [
  `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: p, namespace: shop}
spec:
  severity: 5
  tags: [a, b]
  selector:
    matchLabels: {app: web, kubearmor.io/container.name: "[a, b]"}
    matchExpressions: [{key: label, operator: In, values: [a=b]}]
  process:
    matchPaths: [{path: /bin/sh, fromSource: [{path: /bin/x}]}, {execname: nc, allowedArgs: [x], pts: false}]
    matchDirectories: [{dir: /opt/, recursive: true}]
    matchPatterns: [{pattern: "**/py[a-z]{2,3}*", ownerOnly: true}]
  file: {action: Allow, matchPaths: [{path: "/etc/*", readOnly: true}]}
  network: {matchProtocols: [{protocol: "tcp,udp", port: 80, cidr: 10.0.0.0/8}], matchDNSQueries: [{domain: example.com}]}
  capabilities: {matchCapabilities: [{capability: net_raw}]}
  syscalls: {matchPaths: [{path: /etc/, recursive: true, syscall: [unlink]}]}
  presets: [{name: exec, action: Audit}]
  action: Block
`,
  `apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: h}
spec:
  nodeSelector: {matchLabels: {kubearmor.io/hostnamereg: "node-[a-z]+"}}
  device: {matchDevice: [{class: HUB, level: 1}]}
  apparmor: |
    deny /x r,
---
apiVersion: security.kubearmor.com/v1
kind: KubeArmorNetworkPolicy
metadata: {name: n}
spec:
  nodeSelector: &n {matchLabels: {a: b}}
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: "80", endPort: 90, protocol: TCP}], limit: 1GB, duration: 1h}]
`,
];

/** What must hold whatever the input. */
function holds(document: ParsedDocument, placed: boolean): void {
  const failed = document.issues.some((issue) => issue.severity === 'error');
  assert.equal(document.policy === undefined, failed, 'a policy is absent iff an issue is an error');
  for (const issue of document.issues) {
    assert.match(`${issue.code} ${issue.problem} ${issue.cure}`, /^[A-Z_]+ \S.* \S/);
    if (placed) assert.ok(Number(issue.line) >= 1 && Number(issue.column) >= 1, `no place: ${JSON.stringify(issue)}`);
  }
  for (const rule of document.policy?.rules ?? []) {
    assert.ok(rule.field.startsWith('spec.') && ['Allow', 'Audit', 'Block'].includes(rule.action));
    for (const object of rule.subjects) absolute(object);
    if ('object' in rule && rule.object !== undefined) absolute(rule.object);
  }
}

function absolute(object: PathObject): void {
  if (object.kind === 'path') assert.match(object.path, /^\/([^]*[^/])?$/);
  if (object.kind === 'dir') assert.match(object.dir, /^\/([^]*[^/])?$/);
}

const SNIPPETS = [
  '\t',
  '\0',
  '\uFFFD',
  '"',
  "'",
  '[',
  ']',
  '{',
  '}',
  ':',
  ': ',
  '- ',
  '\n',
  '\n  ',
  '#',
  '&a ',
  '*a',
  '*',
  '!x ',
  '!!binary ',
  '|',
  '>',
  '%YAML 1.1\n---\n',
  '---\n',
  '...\n',
  ',',
  '<<: *n',
  '? ',
  'null',
  '~',
  'true',
  '99',
  '-1',
  '1e999',
  '.nan',
  '/',
  '//',
  '/../',
  '\\',
  'é',
  '\u{1F600}',
  '\uD800',
  '__proto__: 1',
  'spec:',
  'kind: List\nitems:\n',
  '0x1F',
];
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
