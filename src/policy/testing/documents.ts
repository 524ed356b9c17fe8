// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { PathObject } from '../model.ts';
import type { ParsedDocument } from '../parse.ts';

/** Documents with every construct: what is mutated. */
export const VALID_DOCUMENTS = [
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
metadata: {name: net}
spec:
  nodeSelector: &n {matchLabels: {a: b}}
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: "80", endPort: 90, protocol: TCP}], limit: 1GB, duration: 1h}]
`,
];

/** What must hold whatever the input. */
export function holds(document: ParsedDocument, placed: boolean): void {
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

/** What means something to a YAML parser, or to somebody who expects something else. */
export const SNIPPETS = [
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

/** So many lists in each other. */
export const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
