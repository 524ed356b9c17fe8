// SPDX-License-Identifier: Apache-2.0
// Every object of an installation, with a real API server: it takes them as they are, and a second time changes nothing.
import assert from 'node:assert/strict';
import { CORE, readConfig } from '#cluster';
import { definitions, imagesOf, installationObjects, kindOf, KINDS, operatorObjects, SHAPES } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { until } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'kubearmor-operator' };

/** @returns their resource versions by name */
async function applyAll(api: KubeApi, objects: readonly KubeObject[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const object of objects) {
    const { metadata } = await api.apply(kindOf(object), object, BY);
    versions[`${object.kind} ${metadata.name}`] = metadata.resourceVersion ?? '';
  }
  return versions;
}

function everything(namespace: string, spec: object): KubeObject[] {
  const { config } = readConfig({ spec });
  assert.ok(config);
  const images = imagesOf('1.2.3');
  return [
    ...definitions(),
    ...operatorObjects({ namespace, images, imagePullSecrets: ['mirror'] }),
    ...installationObjects({ namespace, config, images }, SHAPES),
  ];
}

const FULL_SPEC = {
  globalTolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', tolerationSeconds: 30 }],
  globalNodeSelector: { zone: 'x' },
  globalImagePullSecrets: [{ name: 'mirror' }],
  globalEnv: [{ name: 'HTTP_PROXY', value: 'http://proxy' }],
  kubearmorRelayImage: { image: 'localhost:5000/relay@sha256:'.padEnd(92, '0'), imagePullPolicy: 'Always', args: ['-debug'] },
  seccompEnabled: true,
  controllerPort: 10_250,
};

async function takenTwice(plane: ControlPlane, namespace: string, spec: object): Promise<void> {
  using api = plane.api();
  await api.apply(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, BY);
  await applyAll(api, everything(namespace, spec));
  // The API server writes their status a moment later.
  for (const { metadata } of definitions())
    await until(`${metadata.name} is served`, async () =>
      JSON.stringify(await api.get(KINDS.definitions, metadata)).includes('Established'),
    );
  const first = await applyAll(api, everything(namespace, spec));
  assert.deepEqual(await applyAll(api, everything(namespace, spec)), first);
}

const cases: readonly ClusterCase[] = [
  { name: 'every object is taken, and a second time changes nothing', run: (plane) => takenTwice(plane, 'kubearmor', {}) },
  { name: 'in kube-system, with all that a KubeArmorConfig may say', run: (plane) => takenTwice(plane, 'kube-system', FULL_SPEC) },
];

export const SUITE: ClusterSuite = { cases };
