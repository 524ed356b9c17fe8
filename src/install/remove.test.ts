// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTROLLER_LEASE, CORE, NAMES, NODE_REPORTS, nodeLeaseName, readConfig } from '#cluster';
import type { Kind, KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { imagesOf, installationObjects, kindOf, KINDS, NETWORK_SECRETS, removeInstallation } from './index.ts';
import type { Installation } from './index.ts';

const BY = { fieldManager: 'kubearmor-operator' };
const namespace = 'kubearmor';

function installation(): Installation {
  const { config } = readConfig({});
  assert.ok(config);
  return { namespace, config, images: imagesOf('1.2.3') };
}

const plain = (kind: Kind, name: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
  kind: kind.kind,
  metadata: { name, labels, ...(kind.namespaced ? { namespace } : {}) },
});

/** An installation whose programs have run for a while, on one node. */
async function running(): Promise<FakeKubeApi> {
  const api = new FakeKubeApi();
  for (const object of installationObjects(installation(), [])) await api.apply(kindOf(object), object, BY);
  const definition = plain(KINDS.definitions, `${NODE_REPORTS.plural}.${NODE_REPORTS.group}`);
  const made: readonly (readonly [Kind, KubeObject])[] = [
    ...[...NETWORK_SECRETS, NAMES.webhookSecret].map((name) => [CORE.secrets, plain(CORE.secrets, name)] as const),
    [CORE.leases, plain(CORE.leases, CONTROLLER_LEASE)],
    [CORE.leases, plain(CORE.leases, nodeLeaseName('n1'))],
    [NODE_REPORTS, plain(NODE_REPORTS, 'n1')],
    [KINDS.definitions, definition],
    [CORE.nodes, plain(CORE.nodes, 'n1', { 'kubearmor.io/enforcer': 'bpf', zone: 'x' })],
  ];
  for (const [kind, object] of made) api.seed(kind, object);
  return api;
}

test('nothing is left of what programs made while they ran, and what is others’ stays', async () => {
  const api = await running();
  api.seed(CORE.configMaps, plain(CORE.configMaps, 'theirs'));
  api.seed(KINDS.clusterRoles, plain(KINDS.clusterRoles, 'kubearmor-of-somebody'));
  const parts = { api, fieldManager: BY.fieldManager, pause: async () => {}, looks: 1, tell: () => {} };
  assert.deepEqual(await removeInstallation(installation(), parts), []);
  const kinds = [...Object.values(KINDS), CORE.secrets, CORE.leases, NODE_REPORTS, CORE.nodes];
  const left = (await Promise.all(kinds.map((kind) => api.list(kind)))).flat();
  assert.deepEqual(
    left.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ['CustomResourceDefinition kubearmornodes.security.kubearmor.com', 'ClusterRole kubearmor-of-somebody', 'ConfigMap theirs', 'Node n1'],
  );
  assert.deepEqual(left.at(-1)?.metadata.labels, { zone: 'x' });
});

test('what the cluster has once and serves another installation stays, with what nodes bear', async () => {
  const api = await running();
  api.seed(CORE.namespaces, plain(CORE.namespaces, 'kube-system'));
  const shared = installationObjects({ ...installation(), namespace: 'kube-system' }, []).filter((one) => !kindOf(one).namespaced);
  for (const object of shared) api.seed(kindOf(object), object);
  await removeInstallation(installation(), { api, fieldManager: BY.fieldManager, pause: async () => {}, looks: 1, tell: () => {} });
  for (const object of shared) assert.ok(await api.get(kindOf(object), object.metadata), object.kind);
  assert.equal((await api.get(CORE.nodes, { name: 'n1' }))?.metadata.labels?.['kubearmor.io/enforcer'], 'bpf');
  assert.equal((await api.list(NODE_REPORTS)).length, 1);
  assert.deepEqual(await api.list(CORE.configMaps), []);
});
