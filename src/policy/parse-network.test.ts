// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from './model.ts';
import { parsePolicyText } from './parse.ts';
import type { ParsedDocument } from './parse.ts';

const HEAD = 'apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: p, namespace: shop}\n';

/** One policy with this spec; lines of `spec` start at line 5 of the text. */
function parseSpec(spec: string, kind = 'KubeArmorPolicy'): ParsedDocument {
  const text = `${HEAD.replace('KubeArmorPolicy', kind)}spec:\n${spec}`;
  const [document] = parsePolicyText(text, 'p.yaml');
  assert.ok(document);
  return document;
}
const told = (document: ParsedDocument | undefined): string[] =>
  (document?.issues ?? []).map((i) => `${i.severity} ${i.code} ${i.line}:${i.column} ${i.at}`);
const errors = (document: ParsedDocument): string[] => told(document).filter((line) => line.startsWith('error'));
function rulesOf(spec: string, kind?: string): readonly Rule[] {
  const document = parseSpec(spec, kind);
  assert.deepEqual(errors(document), []);
  assert.ok(document.policy);
  return document.policy.rules;
}

test('ports, cidr and direction', () => {
  const rules = rulesOf(
    `
  network:
    matchProtocols:
    - {protocol: TCP, port: "1337"}
    - {protocol: tcp, port: 80, endPort: 90, cidr: "2001:db8::/32", direction: ingress}
    - {protocol: tcp}
`,
    'KubeArmorNetworkPolicy',
  );
  assert.deepEqual(
    rules.map((r) => (r.family === 'network' ? [r.port, r.endPort, r.cidr, r.direction] : [])),
    [
      [1337, undefined, undefined, 'egress'],
      [80, 90, '2001:db8::/32', 'ingress'],
      [undefined, undefined, undefined, undefined],
    ],
  );
});

test("a KubeArmorNetworkPolicy in KubeArmor's own form", () => {
  const [rule] = rulesOf(
    `
  nodeSelector: {matchLabels: {kubearmor.io/hostname: "*"}}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/8}}]
    iface: [eth0]
    ports: [{port: "8080", endPort: 8090, protocol: TCP}, {port: ssh}]
    severity: 2
`,
    'KubeArmorNetworkPolicy',
  );
  assert.deepEqual(rule, {
    family: 'firewall',
    field: 'spec.ingress[0]',
    direction: 'ingress',
    action: 'Block',
    severity: 2,
    tags: [],
    message: '',
    subjects: [],
    cidrs: ['10.0.0.0/8'],
    interfaces: ['eth0'],
    limit: undefined,
    duration: undefined,
    ports: [
      { port: '8080', endPort: 8090, protocol: 'tcp' },
      { port: 'ssh', endPort: undefined, protocol: undefined },
    ],
  });
  const quota = '  selector: {matchLabels: {a: b}}\n  egress: [{limit: 1GB}]';
  assert.deepEqual(errors(parseSpec(quota, 'KubeArmorNetworkPolicy')), ['error FIELD_MISSING 6:12 spec.egress[0]']);
  assert.deepEqual(
    rulesOf('  nodeSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: nonsense}}]}]', 'KubeArmorNetworkPolicy'),
    [],
    'never a rule for every peer',
  );
});

test('devices of a KubeArmorHostPolicy', () => {
  const spec = (list: string): string => `  nodeSelector: {matchLabels: {a: b}}\n  device: {matchDevice: [${list}]}`;
  const rules = rulesOf(
    spec('{class: mass-storage, subClass: 6}, {class: "0x08"}, {class: "7"}, {class: all}, {class: "99", level: 2}'),
    'KubeArmorHostPolicy',
  );
  assert.deepEqual(
    rules.map((r) => (r.family === 'device' ? r.class : '')),
    ['MASS-STORAGE', 'MASS-STORAGE', 'PRINTER', 'ALL', '99'],
  );
  assert.deepEqual(rulesOf(spec('{class: nonsense}'), 'KubeArmorHostPolicy'), []);
});
