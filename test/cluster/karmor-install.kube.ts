// SPDX-License-Identifier: Apache-2.0
// `karmor install`, `upgrade` and `uninstall` with a real API server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIGS, CORE, POLICY_KINDS, readConfig } from '#cluster';
import { definitions, imagesOf, installationObjects, kindOf, KINDS, SHAPES } from '#install';
import type { Kind, KubeApi } from '#k8s';
import { runCli } from '../../src/cli/run-cli.ts';
import { recordingIo } from '../../src/cli/testing.ts';
import type { ControlPlane } from './control-plane.ts';
import type { ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'a-user' };
const NAMESPACE = 'security';
const CONFIG = { name: 'kubearmorconfig-default', namespace: NAMESPACE };

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function karmor(api: KubeApi, ...words: readonly string[]): Promise<Told> {
  const shared = { api, pods: undefined as never, server: 'https://test', [Symbol.dispose]: () => {} };
  const { io, out, err } = recordingIo({ cluster: shared });
  const code = await runCli(words.includes('-n') ? words : [...words, '-n', NAMESPACE], io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const OURS: readonly Kind[] = Object.values(KINDS);
async function marked(api: KubeApi): Promise<string[]> {
  const found = await Promise.all(OURS.map((kind) => api.list(kind, { labelSelector: 'kubearmor.io/installed-by' }).catch(() => [])));
  return found.flat().map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

async function installs(api: KubeApi): Promise<void> {
  const dry = await karmor(api, 'install', '--dry-run');
  assert.equal(dry.code, 0, dry.err);
  assert.match(dry.out, /^\+ Namespace security$/m);
  assert.match(dry.out, /^\+ KubeArmorConfig security\/kubearmorconfig-default$/m);
  assert.equal(await api.get(CORE.namespaces, { name: NAMESPACE }), undefined);
  const first = await karmor(api, 'install');
  assert.equal(first.code, 0, first.err);
  const second = await karmor(api, 'install');
  assert.deepEqual([second.code, second.out, second.err], [0, 'nothing to change in security of https://test', '']);
  const binding = { name: 'kubearmor-operator-clusterrolebinding' };
  const before = await api.get(KINDS.clusterRoleBindings, binding);
  const elsewhere = await karmor(api, 'install', '-n', 'kube-system');
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.err, /KubeArmor is in security already/);
  assert.deepEqual(await api.get(KINDS.clusterRoleBindings, binding), before);
}

async function merges(api: KubeApi): Promise<void> {
  await api.patch(CONFIGS, CONFIG, { spec: { tls: { extraDnsNames: ['relay.example'] } } }, BY);
  const changed = await karmor(api, 'upgrade', '--block=file', '--operator-image=mirror/operator:1');
  assert.equal(changed.code, 0, changed.err);
  assert.match(changed.out, /^~ Deployment security\/kubearmor-operator: spec\.template\.spec\.containers$/m);
  assert.match(changed.out, /^~ KubeArmorConfig .*: spec\.defaultFilePosture$/m);
  const later = await karmor(api, 'upgrade', '--viz=file', '--operator-image=mirror/operator:1');
  assert.match(later.out, /^~ KubeArmorConfig .*: spec\.defaultVisibility\n1 objects applied/m);
  assert.deepEqual((await api.get(CONFIGS, CONFIG))?.['spec'], {
    tls: { extraDnsNames: ['relay.example'] },
    defaultFilePosture: 'block',
    defaultVisibility: 'file',
  });
}

async function uninstalls(api: KubeApi, folder: string): Promise<void> {
  const { config } = readConfig({});
  assert.ok(config);
  // As the operator would have; no DaemonSet, since nothing runs here that could end.
  for (const object of installationObjects({ namespace: NAMESPACE, config, images: imagesOf('1.2.3') }, SHAPES).filter(
    ({ kind }) => kind !== 'DaemonSet',
  ))
    await api.apply(kindOf(object), object, { fieldManager: 'kubearmor-operator' });
  const spec = { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/etc/shadow' }] }, action: 'Block' };
  const policy = { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy', metadata: { name: 'p', namespace: 'default' }, spec };
  await api.create(POLICY_KINDS.KubeArmorPolicy, policy, BY);
  const backup = join(folder, 'policies.yaml');
  const done = await karmor(api, 'uninstall', '--force', `--backup=${backup}`);
  assert.equal(done.code, 0, done.err);
  assert.match(readFileSync(backup, 'utf8'), /name: p\n[\s\S]*path: \/etc\/shadow/);
  assert.deepEqual(await marked(api), ['Namespace security']);
  for (const { metadata } of definitions()) {
    const left = await api.get(KINDS.definitions, metadata);
    assert.ok(left === undefined || left.metadata.deletionTimestamp !== undefined, metadata.name);
  }
  const again = await karmor(api, 'uninstall');
  assert.equal(again.code, 0, again.err);
}

const wholeLife = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await installs(api);
  await merges(api);
  await uninstalls(api, plane.folder);
};

export const SUITE: ClusterSuite = { cases: [{ name: 'installs, merges, and takes out again', run: wholeLife }] };
