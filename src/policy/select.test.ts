// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileHostnames } from './labels-hostname.ts';
import type { Policy, PolicyKind, Workload } from './model.ts';
import { parsePolicyObject } from './parse.ts';
import { nodeSelected, selects } from './select.ts';

function policy(kind: PolicyKind, spec: unknown, namespace?: string): Policy {
  const { policy: read, issues } = parsePolicyObject({ metadata: { name: 'p', namespace }, spec }, { kind });
  assert.ok(read, JSON.stringify(issues));
  return read;
}
const WEB: Workload = {
  id: 'c1',
  kind: 'container',
  namespace: 'shop',
  podName: 'web-1',
  containerName: 'nginx',
  image: 'nginx',
  mode: 'enabled',
  labels: { app: 'web', tier: 'front', constructor: 'x' },
  postures: { file: 'audit', network: 'audit', capabilities: 'audit' },
};
const KSP = 'KubeArmorPolicy';
const CSP = 'KubeArmorClusterPolicy';
const NSP = 'KubeArmorNetworkPolicy';
const labels = (matchLabels: Record<string, string>): unknown => ({ selector: { matchLabels } });
const expressions = (...matchExpressions: unknown[]): unknown => ({ selector: { matchExpressions } });
const nodes = (matchLabels: Record<string, string>): unknown => ({ nodeSelector: { matchLabels } });

const CASES: readonly [name: string, selected: boolean, policy: Policy][] = [
  ['an empty selector: the whole namespace', true, policy(KSP, {}, 'shop')],
  ['another namespace', false, policy(KSP, {}, 'other')],
  ['no namespace means default', false, policy(KSP, {})],
  ['all labels', true, policy(KSP, labels({ app: 'web', tier: 'front' }), 'shop')],
  ['one label differs', false, policy(KSP, labels({ app: 'web', tier: 'back' }), 'shop')],
  ['a label called as an object property', false, policy(KSP, labels({ toString: 'x' }), 'shop')],
  ['a label called constructor', true, policy(KSP, labels({ constructor: 'x' }), 'shop')],
  ['container names in brackets', true, policy(KSP, labels({ 'kubearmor.io/container.name': '[sidecar, nginx]' }), 'shop')],
  ['a container name without brackets', true, policy(KSP, labels({ 'kubearmor.io/container.name': 'nginx' }), 'shop')],
  ['another container', false, policy(KSP, labels({ app: 'web', 'kubearmor.io/container.name': '[sidecar]' }), 'shop')],
  ['[] is every container', true, policy(KSP, labels({ 'kubearmor.io/container.name': '[]' }), 'shop')],
  ['csp: everywhere', true, policy(CSP, {})],
  ['csp: matchLabels', false, policy(CSP, labels({ app: 'db' }))],
  ['csp: namespace In', true, policy(CSP, expressions({ key: 'namespace', operator: 'In', values: ['shop', 'x'] }))],
  ['csp: namespace NotIn', false, policy(CSP, expressions({ key: 'namespace', operator: 'NotIn', values: ['shop'] }))],
  ['csp: label In', true, policy(CSP, expressions({ key: 'label', operator: 'In', values: ['app=db', 'app=web'] }))],
  ['csp: label NotIn', false, policy(CSP, expressions({ key: 'label', operator: 'NotIn', values: ['app=web'] }))],
  [
    'csp: both must hold, in any order',
    false,
    policy(CSP, expressions({ key: 'label', operator: 'NotIn', values: ['app=db'] }, { key: 'label', operator: 'In', values: ['app=db'] })),
  ],
  ['values as a map', true, policy(CSP, expressions({ key: 'label', operator: 'In', values: { app: 'web' } }))],
  ['any key: In', true, policy(KSP, expressions({ key: 'app', operator: 'In', values: ['web'] }), 'shop')],
  ['any key: NotIn holds without the label', true, policy(KSP, expressions({ key: 'zone', operator: 'NotIn', values: ['web'] }), 'shop')],
  ['Exists', true, policy(CSP, expressions({ key: 'app', operator: 'Exists' }))],
  ['DoesNotExist', false, policy(CSP, expressions({ key: 'app', operator: 'DoesNotExist' }))],
  [
    'matchLabels and matchExpressions',
    false,
    policy(
      KSP,
      { selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['back'] }] } },
      'shop',
    ),
  ],
  ['nsp with a selector', true, policy(NSP, labels({ app: 'web' }))],
  ['nsp with a selector in another namespace', false, policy(NSP, labels({ app: 'web' }), 'other')],
  ['nsp for nodes', false, policy(NSP, nodes({ app: 'web' }))],
  ['hsp', false, policy('KubeArmorHostPolicy', nodes({ app: 'web' }))],
];
for (const [name, selected, subject] of CASES) {
  test(`selects: ${name}`, () => assert.equal(selects(subject, WEB), selected));
}

const NODE = { name: 'node-a1', labels: { zone: 'z1', 'kubernetes.io/hostname': 'host-a1' } };
const NODES: readonly [labels: Record<string, string>, selected: boolean][] = [
  [{}, false],
  [{ zone: 'z1' }, true],
  [{ zone: 'z2' }, false],
  [{ zone: 'z1', rack: '4' }, false],
  [{ 'kubernetes.io/hostname': 'host-a1' }, true],
  [{ 'kubernetes.io/hostname': 'node-a1' }, false],
  [{ 'kubearmor.io/hostname': 'node-a1' }, true],
  [{ 'kubearmor.io/hostname': '*' }, true],
  [{ 'kubearmor.io/hostname': 'x, node-a1' }, true],
  [{ 'kubearmor.io/hostname': 'x,y' }, false],
  [{ 'kubearmor.io/hostnamereg': 'node-*' }, true],
  [{ 'kubearmor.io/hostnamereg': 'node-' }, false],
  [{ 'kubernetes.io/hostnamereg': 'host-[ab].' }, true],
  [{ 'kubernetes.io/hostnamereg': '(' }, false],
  [{ 'kubearmor.io/hostname': '*', zone: 'z2' }, false],
];
for (const [wanted, selected] of NODES) {
  test(`nodeSelected: ${JSON.stringify(wanted)}`, () => {
    assert.equal(nodeSelected(policy('KubeArmorHostPolicy', nodes(wanted)), NODE), selected);
    const host: Workload = { ...WEB, kind: 'host', id: 'host', podName: NODE.name, labels: NODE.labels };
    assert.equal(selects(policy('KubeArmorHostPolicy', nodes(wanted)), host), selected);
    assert.equal(selects(policy(CSP, {}), host), false);
  });
}

const EXPRESSIONS: readonly [expression: string, yes: string[], no: string[]][] = [
  ['^node-.*$', ['node-', 'node-1'], ['a-node-1', 'node']],
  ['node-*', ['node-', 'node-1'], ['node']],
  ['*', ['', 'x'], []],
  ['a.c', ['abc', 'a.c'], ['ac', 'abcd']],
  ['a\\.c', ['a.c'], ['abc']],
  ['(web|db)-[0-9]+', ['web-1', 'db-22'], ['web-', 'api-1', 'web-1x']],
  ['[^a-c]?x', ['x', 'dx'], ['ax', 'ddx']],
  ['(ab)*', ['', 'abab'], ['aba']],
];
for (const [expression, yes, no] of EXPRESSIONS) {
  test(`compileHostnames: ${expression}`, () => {
    const matches = compileHostnames(expression);
    assert.ok(typeof matches !== 'string', String(matches));
    assert.deepEqual([yes.filter(matches), no.filter(matches)], [yes, []]);
  });
}

test('compileHostnames: bad ones say why, and none takes long', () => {
  for (const bad of ['(', ')', '[a', '+a', 'a{2}', 'a\\', '\\d', '(((((a)))))', 'x'.repeat(2_000)])
    assert.equal(typeof compileHostnames(bad), 'string', bad);
  const start = performance.now();
  for (const evil of ['((((a*)*)*)*)*b', '(a|a)'.repeat(60), '.*'.repeat(60), '((a+)+)+$', '((((a+)+b?)+c?)+d?)+e']) {
    const matches = compileHostnames(evil);
    if (typeof matches !== 'string') matches('a'.repeat(253));
  }
  assert.ok(performance.now() - start < 20_000);
});
