// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parse } from 'yaml';
import type { KubeObject } from '#k8s';
import { readHelmRelease, TAKEN_VALUES } from './helm-values.ts';
import type { HelmRelease } from './helm-values.ts';

const secretOf = (release: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'sh.helm.release.v1.ka.v2', namespace: 'kubearmor' },
  data: { release },
});
const packed = (text: string | Buffer): string => Buffer.from(gzipSync(text).toString('base64')).toString('base64');
const recordOf = (chart: string, config: unknown): string =>
  packed(JSON.stringify({ name: 'ka', chart: { metadata: { name: chart, version: 'v1.7.4' } }, config }));

function read(chart: string, config: unknown): HelmRelease {
  const found = readHelmRelease(secretOf(recordOf(chart, config)));
  assert.ok(typeof found === 'object');
  return found;
}

test('values of the operator’s chart: which are taken, which not and why', () => {
  const values = {
    autoDeploy: true,
    imagePinning: true,
    kubearmor: { images: { kubearmor: { tag: 'v1' }, kubearmorSnitch: { tag: 'v1' } } },
    kubearmorOperator: { annotateExisting: true, nodeSelector: { pool: 'a' }, colour: 'red' },
    kubearmorConfig: { defaultFilePosture: 'block', colour: 'red' },
  };
  const { taken, notTaken, ...about } = read('kubearmor-operator', values);
  assert.deepEqual(about, { name: 'ka', chart: 'kubearmor-operator', version: 'v1.7.4' });
  assert.deepEqual(taken, [
    'autoDeploy',
    'kubearmor.images.kubearmor.tag',
    'kubearmorOperator.nodeSelector.pool',
    'kubearmorConfig.defaultFilePosture',
    'kubearmorConfig.colour',
  ]);
  assert.deepEqual(
    notTaken.map(({ value }) => value),
    [
      'imagePinning',
      'kubearmor.images.kubearmorSnitch.tag',
      'kubearmorOperator.annotateExisting',
      'kubearmorOperator.colour',
      'kubearmorConfig: spec.colour',
    ],
  );
  assert.equal(notTaken[1]?.why, 'no job looks at nodes');
  assert.equal(notTaken[3]?.why, 'our chart has no such value');
});

test('values of the chart without an operator', () => {
  const { taken, notTaken } = read('kubearmor', {
    environment: { name: 'k3s' },
    kubearmorConfigMap: { visibility: 'none', hostVisibility: 'file', matchArgs: false },
  });
  assert.deepEqual(taken, ['kubearmorConfigMap.visibility']);
  assert.deepEqual(notTaken, [
    { value: 'environment.name', why: 'the operator sees on each node what it chose' },
    { value: 'kubearmorConfigMap.hostVisibility', why: 'set it in the ConfigMap kubearmor-config after installing' },
    { value: 'kubearmorConfigMap.matchArgs', why: 'no rule looks at arguments yet' },
  ]);
});

test('another chart is none of ours, and no value is told, only its name', () => {
  assert.equal(readHelmRelease(secretOf(recordOf('web', { a: 1 }))), undefined);
  assert.ok(!JSON.stringify(read('kubearmor', { registry: { secretName: 'hunter2' }, password: 'hunter2' })).includes('hunter2'));
});

const broken: readonly (readonly [name: string, release: string])[] = [
  ['nothing', ''],
  ['no base64', '%%%'],
  ['no gzip', Buffer.from('bm9uZQ==').toString('base64')],
  ['no JSON', packed('x')],
  ['a bomb', packed(Buffer.alloc(64 * 2 ** 20))],
  ['too long', 'A'.repeat(5 * 2 ** 20)],
];
for (const [name, release] of broken) {
  test(`a record that is wrong is said to be so: ${name}`, () => {
    const found = readHelmRelease(secretOf(release));
    assert.ok(typeof found === 'string');
    assert.match(found, /^the Secret kubearmor\/sh\.helm\.release\.v1\.ka\.v2: it (?:has no release|is )/);
  });
}

test('a record of any form is read or refused, and is bounded', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`) as unknown;
  const wide = Object.fromEntries(Array.from({ length: 2_000 }, (_, number) => [`v${number}`, number]));
  for (const config of [
    null,
    7,
    [],
    'x',
    { kubearmorConfig: 7 },
    { kubearmorConfig: null },
    deep,
    wide,
    JSON.parse('{"__proto__":{"a":1}}'),
  ]) {
    const { taken, notTaken } = read('kubearmor-operator', config);
    assert.ok(taken.length + notTaken.length <= 510);
  }
  for (const record of ['null', '[]', '7', '{"chart":7}']) assert.equal(readHelmRelease(secretOf(packed(record))), undefined);
});

/** A map with nothing in it is a value. */
function leaves(value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) return [at];
  return Object.entries(value).flatMap(([key, below]) => leaves(below, at === '' ? key : `${at}.${key}`));
}

for (const [chart, file] of [
  ['kubearmor-operator', 'values-operator.yaml'],
  ['kubearmor', 'values-kubearmor.yaml'],
] as const) {
  test(`the table says what our chart ${chart} takes`, () => {
    const values: unknown = parse(readFileSync(path.join(import.meta.dirname, '../../../deploy/chart', file), 'utf8'));
    const ofChart = leaves(values, '').map((one) => (one.startsWith('kubearmorOperator.resources.') ? 'kubearmorOperator.resources' : one));
    assert.deepEqual([...TAKEN_VALUES[chart]].toSorted(), [...new Set(ofChart)].toSorted());
  });
}
