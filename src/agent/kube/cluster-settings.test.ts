// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE } from '#cluster';
import { eventually } from '../testing/cluster-agent.ts';
import { block, BY, KSP, ksp, problemsOf, reportOf, startInCluster, withWeb } from '../testing/cluster-samples.ts';

test('annotations of pods and namespaces, live; one that means nothing is told and changes nothing', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, enforcer } = await startInCluster(t, { containers });
  await api.create(KSP, ksp('a', { ...block('web'), action: 'Allow' }), BY);
  const now = (): string => {
    const { mode, visibility, ruleSet } = enforcer.protected.get(web.key) ?? {};
    return `${mode} ${visibility?.process} ${visibility?.file} ${ruleSet?.image.join() ?? 'none'}`;
  };
  const auditing = await eventually(now, (text) => text.startsWith('enabled true true') && !text.endsWith('none'));
  await api.patch(CORE.namespaces, { name: 'shop' }, { metadata: { annotations: { 'kubearmor-file-posture': 'block' } } }, BY);
  const blocking = await eventually(now, (text) => text !== auditing);
  await api.patch(
    CORE.namespaces,
    { name: 'shop' },
    { metadata: { annotations: { 'kubearmor-file-posture': 'blok', 'kubearmor-visibility': 'process,dns' } } },
    BY,
  );
  await eventually(now, (text) => text === blocking.replace('true true', 'true false'));
  await eventually(
    () => problemsOf(api),
    (text) => /namespace shop: the annotation kubearmor-file-posture: `blok`/.test(text),
  );
  assert.equal((await reportOf(api))?.state, 'enforcing', 'a note does not degrade a node');
  const pod = { name: 'web-1', namespace: 'shop' };
  await api.patch(CORE.pods, pod, { metadata: { annotations: { 'kubearmor-visibility': 'none', 'kubearmor-policy': 'audited' } } }, BY);
  await eventually(now, (text) => text.startsWith('audited false false'));
  await api.patch(CORE.pods, pod, { metadata: { annotations: { 'kubearmor-policy': 'disabled' } } }, BY);
  await eventually(now, (text) => text === 'disabled undefined undefined none');
  const written = api.calls.filter(({ verb, fieldManager }) => !['get', 'list', 'watch'].includes(verb) && fieldManager !== 'test');
  assert.deepEqual(
    [...new Set(written.map(({ plural }) => plural))].toSorted(),
    ['kubearmornodes', 'leases'],
    'nobody’s objects are written',
  );
});

test('the ConfigMap counts live; a value that is wrong leaves the last good one and is told', { timeout: 30_000 }, async (t) => {
  const { containers, web } = withWeb();
  const { api, enforcer } = await startInCluster(t, { containers });
  const set = (data: Readonly<Record<string, string>>): unknown =>
    api.seed(CORE.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kubearmor-config', namespace: 'kubearmor' },
      data,
    });
  set({ gRPC: '32767', cluster: 'prod', visibility: 'file', untrackedNs: 'kube-system', matchArgs: 'true', 'karmor.yaml': 'x: y' });
  await eventually(
    () => enforcer.protected.get(web.key)?.visibility,
    (seen) => seen?.file === true && !seen.process,
  );
  assert.equal(await problemsOf(api), '');
  set({ visibility: 'screens', untrackedNs: 'shop', matchArgs: 'false', clutser: 'x' });
  await eventually(
    () => enforcer.protected.get(web.key)?.mode,
    (mode) => mode === 'disabled',
  );
  set({ visibility: 'screens', matchArgs: 'false', clutser: 'x', cluster: 'prod' });
  await eventually(
    () => enforcer.protected.get(web.key)?.mode,
    (mode) => mode === 'enabled',
  );
  assert.equal(enforcer.protected.get(web.key)?.visibility?.process, false);
  const problems = await eventually(
    () => problemsOf(api),
    (text) => text.split('\n').length === 3,
  );
  assert.match(
    problems,
    /visibility: `screens`[^\n]*\n[^\n]*matchArgs: `false` is not possible: no rule looks at arguments yet[^\n]*\n[^\n]*clutser: .*did you mean `cluster`/,
  );
});
