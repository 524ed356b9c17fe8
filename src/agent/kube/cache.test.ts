// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { noLogger } from '#base';
import { CacheFile, cacheText, parseCache } from './cache.ts';
import type { ClusterState } from './cache.ts';

const STATE: ClusterState = {
  nodeName: 'n',
  node: undefined,
  policies: [{ uid: 'u', generation: 3, document: { kind: 'KubeArmorPolicy', metadata: { name: 'p', namespace: 'n' }, spec: {} } }],
  namespaces: [{ name: 'shop', postures: { file: 'block' }, visibility: undefined, problems: [] }],
  pods: [],
  config: { cluster: 'c' },
};

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'cache-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('what was kept comes back, for root alone, and is written where it changed', async (t) => {
  const path = join(folder(t), 'cluster.json');
  const cache = new CacheFile(path, 'n', noLogger);
  assert.equal(await cache.load(), undefined);
  assert.equal(cache.problem, undefined, 'that there is none is no problem');
  await cache.save(STATE);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(await new CacheFile(path, 'n', noLogger).load(), JSON.parse(JSON.stringify(STATE)));
  const { ino } = statSync(path);
  await cache.save(STATE);
  assert.equal(statSync(path).ino, ino);
  await cache.save({ ...STATE, config: {} });
  assert.notEqual(statSync(path).ino, ino);
});

test('any byte that is not as it was makes it of no use', () => {
  const text = cacheText(STATE);
  for (const damaged of [
    text.replace('"generation":3', '"generation":4'),
    text.slice(0, -20),
    `x${text}`,
    '',
    '{}',
    'null\n{}',
    text.replace('"schemaVersion":1', '"schemaVersion":2'),
  ])
    assert.equal(typeof parseCache(damaged), 'string', damaged);
  assert.equal(typeof parseCache(text), 'object');
});

test('what cannot be used, or written, is told', async (t) => {
  const directory = folder(t);
  const path = join(directory, 'cluster.json');
  writeFileSync(path, cacheText(STATE));
  const other = new CacheFile(path, 'other', noLogger);
  assert.equal(await other.load(), undefined);
  assert.match(other.problem ?? '', /it is of the node n/);
  await other.save({ ...STATE, nodeName: 'other' });
  assert.equal(other.problem, undefined);
  assert.match(readFileSync(path, 'utf8'), /"nodeName":"other"/);
  const nowhere = new CacheFile(join(directory, 'none', 'cluster.json'), 'n', noLogger);
  await nowhere.save(STATE);
  assert.match(nowhere.problem ?? '', /ENOENT/);
});
