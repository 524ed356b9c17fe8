// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CORE } from '#cluster';
import { containerOf, eventually, sandboxOf, startClusterAgent } from '../testing/cluster-agent.ts';
import type { SamplePod } from '../testing/cluster-agent.ts';
import { block, BY, cluster, KSP, ksp, NODE, podObject, reportOf, startInCluster, WEB, withWeb } from '../testing/cluster-samples.ts';

/** Empty while there is no such file. */
const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

test(
  'while the API server is away what is known stays; new pods are bound with what their sandbox says',
  { timeout: 30_000 },
  async (t) => {
    const { containers, web } = withWeb();
    const { api, rules, directory } = await startInCluster(t, { containers });
    await api.create(KSP, ksp('a', block('web')), BY);
    await eventually(
      () => rules(web),
      (names) => names?.join() === 'a',
    );
    api.goAway();
    const late: SamplePod = { ...WEB, pod: 'web-2', uid: 'uid-late' };
    const container = containerOf(late, 'nginx', { status: 'created' });
    containers.put(sandboxOf(late), container);
    await eventually(
      () => rules(container),
      (names) => names?.join() === 'a',
      1_500,
    );
    assert.deepEqual(rules(web), ['a']);
    const probe = (): string => textOf(join(directory, 'probe.json'));
    await eventually(probe, (text) => /the API server cannot be followed since \d{4}-/.test(text));
    api.remove(KSP, { name: 'a', namespace: 'shop' });
    api.seed(CORE.pods, podObject({ ...late, labels: { app: 'other' } }));
    api.seed(KSP, ksp('b', block('other')));
    api.comeBack();
    await eventually(
      () => [rules(web), rules(container)].join('; '),
      (text) => text === '; b',
    );
    await eventually(probe, (text) => !text.includes('cannot be followed'));
  },
);

test('an agent that starts while the API server is away enforces what the one before knew', { timeout: 30_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'cluster-agent-'));
  const { containers, web } = withWeb();
  const api = cluster();
  const first = await startClusterAgent({ api, nodeName: NODE, containers, directory });
  await api.create(KSP, ksp('a', block('db')), BY);
  await api.patch(CORE.pods, { name: 'web-1', namespace: 'shop' }, { metadata: { labels: { app: 'db' } } }, BY);
  await eventually(
    () => first.rules(web),
    (names) => names?.join() === 'a',
  );
  await eventually(
    () => textOf(join(directory, 'cluster.json')),
    (text) => text.includes('"app":"db"') && text.includes('/bin/sh'),
  );
  await first.agent.stop();
  api.goAway();
  const second = await startInCluster(t, { api, containers, directory });
  assert.deepEqual(second.rules(web), ['a']);
  api.comeBack();
  await api.patch(KSP, { name: 'a', namespace: 'shop' }, { spec: { process: { matchPaths: 1 } } }, BY);
  const report = await eventually(
    async () => (await reportOf(api))?.policies?.['ksp/shop/a'],
    (one) => one?.state === 'Refused',
  );
  assert.equal(report?.inForce, 1, 'what was good before the restart stays');
});

test('without the API server and without a cache that can be used it does not start', { timeout: 30_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cluster-agent-'));
  writeFileSync(join(directory, 'cluster.json'), '{"schemaVersion":1,"sha256":"00"}\n{}\n');
  const api = cluster();
  api.goAway();
  const told: string[] = [];
  const note = (message: string, context?: object): void => void told.push(`${message} ${JSON.stringify(context)}`);
  const logger = { debug: note, info: note, warn: note, error: note };
  await assert.rejects(startClusterAgent({ api, nodeName: NODE, directory, initTimeoutMs: 50, logger }), {
    code: 'API_UNREACHABLE',
    message: /nothing is known of the cluster, and within 50 ms \(initTimeout\).*pods: .*connection refused/,
  });
  assert.ok(told.some((line) => line.includes('it is damaged')));
});

test('a container that starts waits for its pod, and not for ever', { timeout: 30_000 }, async (t) => {
  const { api, containers, rules } = await startInCluster(t);
  await api.create(KSP, ksp('a', block('web')), BY);
  const late: SamplePod = { ...WEB, pod: 'web-3', uid: 'uid-3', labels: { app: 'old' } };
  const container = containerOf(late, 'nginx', { status: 'created' });
  const sandbox = sandboxOf(late);
  containers.put(sandbox, container);
  await eventually(
    () => rules(sandbox),
    (names) => names !== undefined,
  );
  assert.equal(rules(container), undefined, 'it waits at the gate');
  api.seed(CORE.pods, podObject({ ...late, labels: { app: 'web' } }));
  await eventually(
    () => rules(container),
    (names) => names?.join() === 'a',
    1_000,
  );
  const never = containerOf({ ...WEB, pod: 'web-4', uid: 'uid-4' }, 'nginx', { status: 'created' });
  containers.put(never);
  await eventually(
    () => rules(never),
    (names) => names?.length === 0,
    4_000,
  );
});
