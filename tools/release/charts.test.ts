// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { definitions, imagesOf, operatorObjects } from '#install';
import { CHARTS, chartFiles, indexText, manifestText, sampleConfigText } from './charts.ts';

const root = join(import.meta.dirname, '../..');
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('the manifest is the namespace, the definitions and the table’s objects, in this order', () => {
  const documents = parseAllDocuments(manifestText('1.2.3')).map((one) => one.toJS() as unknown);
  const table = operatorObjects({ namespace: 'kubearmor', images: imagesOf('1.2.3') });
  assert.deepEqual(documents.slice(1), plain([...definitions(), ...table]));
  assert.equal((parse(sampleConfigText()) as { kind: string }).kind, 'KubeArmorConfig');
});

for (const chart of CHARTS)
  test(`the chart ${chart.name}: every mark is a template, and definitions are beside the templates`, () => {
    const files = new Map(
      chartFiles(chart, '1.2.3', root).map((entry) => [entry.path.slice(chart.name.length + 1), 'text' in entry ? entry.text : '']),
    );
    for (const [path, text] of files) assert.doesNotMatch(text, /zz-/, path);
    assert.equal([...files.keys()].filter((path) => path.startsWith('crds/')).length, definitions().length);
    assert.equal((parse(files.get('Chart.yaml') ?? '') as { appVersion: string }).appVersion, '1.2.3');
    assert.ok(parse(files.get('values.yaml') ?? ''));
  });

test('the index names each chart by its file', () => {
  const packed = CHARTS.map((chart) => ({ chart, file: `${chart.name}-1.2.3.tgz`, sha256: 'ab' }));
  const { entries } = parse(indexText(packed, '1.2.3', '2026-01-01T00:00:00Z')) as { entries: Record<string, { urls: string[] }[]> };
  assert.deepEqual(Object.fromEntries(Object.entries(entries).map(([name, [one]]) => [name, one?.urls])), {
    'kubearmor-operator': ['kubearmor-operator-1.2.3.tgz'],
    kubearmor: ['kubearmor-1.2.3.tgz'],
  });
});
