// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE, POLICY_KINDS } from '#cluster';
import { nested } from '#policy/testing';
import { containerOf, eventually, sandboxOf } from '../testing/cluster-agent.ts';
import type { SamplePod } from '../testing/cluster-agent.ts';
import { block, BY, KSP, ksp, NODE, podObject, policyObject, reportOf, startInCluster, WEB, withWeb } from '../testing/cluster-samples.ts';

test('policies of the API: made, changed, refused, deleted', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, rules } = await startInCluster(t, { containers });
  assert.deepEqual(rules(web), []);
  await api.create(KSP, ksp('no-shell', block('web')), BY);
  await eventually(
    () => rules(web),
    (names) => names?.join() === 'no-shell',
  );
  const ref = { name: 'no-shell', namespace: 'shop' };
  await api.patch(KSP, ref, { spec: { process: { matchPaths: [{ path: 'not-a-path' }] } } }, BY);
  const refused = await eventually(
    async () => (await reportOf(api))?.policies?.['ksp/shop/no-shell'],
    (report) => report?.state === 'Refused',
  );
  assert.deepEqual([refused?.generation, refused?.inForce, refused?.workloads], [2, 1, 1]);
  assert.match(refused?.reasons?.[0]?.rule ?? '', /spec\.process\.matchPaths\[0\]/);
  assert.deepEqual(rules(web), ['no-shell'], 'its last good version stays in force');
  await api.patch(KSP, ref, { spec: block('web', '/bin/cat') }, BY);
  await eventually(
    async () => (await reportOf(api))?.policies?.['ksp/shop/no-shell'],
    (report) => report?.generation === 3 && report.state === undefined && report.workloads === 1,
  );
  await api.delete(KSP, ref);
  await eventually(
    () => rules(web),
    (names) => names?.length === 0,
  );
  await eventually(
    () => reportOf(api),
    (report) => report?.policies !== undefined && !('ksp/shop/no-shell' in report.policies),
  );
});

test('a policy that was made anew under its name does not inherit what was good before', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, rules } = await startInCluster(t, { containers });
  await api.create(KSP, ksp('a', block('web')), BY);
  await eventually(
    () => rules(web),
    (names) => names?.join() === 'a',
  );
  await api.delete(KSP, { name: 'a', namespace: 'shop' });
  await api.create(KSP, ksp('a', { selektor: {} }), BY);
  await eventually(
    () => rules(web),
    (names) => names?.length === 0,
  );
  const report = await eventually(
    async () => (await reportOf(api))?.policies?.['ksp/shop/a'],
    (one) => one?.state === 'Refused',
  );
  assert.equal(report?.inForce, 0);
  await api.patch(KSP, { name: 'a', namespace: 'shop' }, { spec: { selektor: null, ...block('web') } }, BY);
  await eventually(
    () => rules(web),
    (names) => names?.join() === 'a',
  );
  api.goAway();
  api.remove(KSP, { name: 'a', namespace: 'shop' });
  api.seed(KSP, ksp('a', { selektor: {} }));
  api.comeBack();
  await eventually(
    () => rules(web),
    (names) => names?.length === 0,
  );
});

test('the same name in other kinds and namespaces is another policy', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, rules, enforcer } = await startInCluster(t, { containers, flags: ['-enableKubeArmorHostPolicy'] });
  await api.create(KSP, ksp('same', block('web'), 'bank'), BY);
  await api.create(
    POLICY_KINDS.KubeArmorClusterPolicy,
    policyObject('KubeArmorClusterPolicy', 'same', { spec: block('web', '/bin/c') }),
    BY,
  );
  const node = { nodeSelector: { matchLabels: { zone: 'a' } }, process: { matchPaths: [{ path: '/bin/h' }] }, action: 'Block' };
  await api.create(POLICY_KINDS.KubeArmorHostPolicy, policyObject('KubeArmorHostPolicy', 'same', { spec: node }), BY);
  await api.create(KSP, ksp('same', block('web', '/bin/k')), BY);
  const kinds = (key: string): string =>
    (enforcer.protected.get(key)?.ruleSet?.rules ?? []).map(({ kind, namespace }) => `${kind} ${namespace}`).join(', ');
  await eventually(
    () => kinds(web.key),
    (text) => text === 'KubeArmorClusterPolicy , KubeArmorPolicy shop',
  );
  assert.equal(kinds('host'), 'KubeArmorHostPolicy ');
  await api.delete(KSP, { name: 'same', namespace: 'shop' });
  await eventually(
    () => kinds(web.key),
    (text) => text === 'KubeArmorClusterPolicy ',
  );
  assert.deepEqual(rules('host'), ['same']);
  const report = await eventually(
    () => reportOf(api),
    // the first that the report says of them may be that no canary has tried them yet
    (one) => Object.keys(one?.policies ?? {}).length === 3 && one?.policies?.['hsp/same']?.state === undefined,
  );
  assert.deepEqual(Object.keys(report?.policies ?? {}).toSorted(), ['csp/same', 'hsp/same', 'ksp/bank/same']);
  assert.deepEqual(report?.policies?.['hsp/same'], { generation: 1, workloads: 1 });
  await api.patch(CORE.nodes, { name: NODE }, { metadata: { labels: { zone: 'b' } } }, BY);
  await eventually(
    () => rules('host'),
    (names) => (names ?? []).length === 0,
  );
});

test('a label that changes on a running pod counts at once, for every container of it', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const side = containerOf(WEB, 'sidecar');
  containers.put(side);
  const { api, rules } = await startInCluster(t, { containers });
  await api.create(KSP, ksp('db-only', block('db')), BY);
  await api.patch(CORE.pods, { name: 'web-1', namespace: 'shop' }, { metadata: { labels: { app: 'db' } } }, BY);
  await eventually(
    () => [rules(web), rules(side)].join('; '),
    (text) => text === 'db-only; db-only',
  );
  const debug = containerOf(WEB, 'debugger');
  containers.put(debug);
  await eventually(
    () => rules(debug),
    (names) => names?.join() === 'db-only',
  );
});

test('a pod that was made anew under its name is told from the one before by its UID', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, rules } = await startInCluster(t, { containers });
  await api.create(KSP, ksp('web-only', block('web')), BY);
  await api.create(KSP, ksp('new-only', block('new')), BY);
  await eventually(
    () => rules(web),
    (names) => names?.join() === 'web-only',
  );
  api.remove(CORE.pods, { name: 'web-1', namespace: 'shop' });
  const anew: SamplePod = { ...WEB, uid: 'uid-new', labels: { app: 'new' } };
  api.seed(CORE.pods, podObject(anew));
  const container = containerOf(anew, 'nginx');
  containers.put(sandboxOf(anew), container);
  await eventually(
    () => rules(container),
    (names) => names?.join() === 'new-only',
  );
  assert.deepEqual(rules(web), ['web-only'], 'the old one ends under its own rules');
});

test('who makes a pod cannot make it another pod’s mirror', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, rules } = await startInCluster(t, { containers });
  await api.create(KSP, ksp('web-only', block('web')), BY);
  await eventually(
    () => rules(web),
    (names) => names?.join() === 'web-only',
  );
  const forged: SamplePod = { namespace: 'bank', pod: 'web-1', uid: 'uid-forged', labels: { app: 'evil' } };
  api.seed(CORE.pods, podObject(forged, { annotations: { 'kubernetes.io/config.mirror': WEB.uid, 'kubearmor-policy': 'disabled' } }));
  const mirror: SamplePod = { namespace: 'shop', pod: 'static-1', uid: 'uid-mirror', labels: { app: 'web' } };
  api.seed(CORE.pods, podObject(mirror, { annotations: { 'kubernetes.io/config.mirror': 'uid-of-file' } }));
  const ofFile = containerOf({ ...mirror, uid: 'uid-of-file' }, 'main');
  containers.put(ofFile);
  await eventually(
    () => rules(ofFile),
    (names) => names?.join() === 'web-only',
  );
  assert.deepEqual(rules(web), ['web-only']);
});

test('a policy that nests too deep is refused, and the others count', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, rules } = await startInCluster(t, { containers });
  api.seed(KSP, ksp('deep', { ...block('web'), x: nested(100) }));
  await api.create(KSP, ksp('no-shell', block('web')), BY);
  await eventually(
    () => rules(web),
    (names) => names?.join() === 'no-shell',
  );
  const refused = await eventually(
    async () => (await reportOf(api))?.policies?.['ksp/shop/deep'],
    (report) => report?.state === 'Refused',
  );
  assert.match(refused?.reasons?.[0]?.message ?? '', /more than 64 levels/);
});
