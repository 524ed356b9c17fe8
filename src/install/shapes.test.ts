// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeFacts, shapeLabels, shapeOf, shapeOfSocket } from './shapes.ts';

const node = (info: object, labels: Record<string, string> = {}) =>
  nodeFacts({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n', labels },
    status: { nodeInfo: { operatingSystem: 'linux', ...info } },
  });

const cases: readonly (readonly [name: string, info: object, labels: Record<string, string>, socket: string])[] = [
  ['kubeadm', { containerRuntimeVersion: 'containerd://1.7.27', kubeletVersion: 'v1.33.1' }, {}, '/run/containerd/containerd.sock'],
  ['GKE', { containerRuntimeVersion: 'containerd://2.0.6', kubeletVersion: 'v1.33.1-gke.1584000' }, {}, '/run/containerd/containerd.sock'],
  [
    'K3s',
    { containerRuntimeVersion: 'containerd://2.0.5-k3s1', kubeletVersion: 'v1.33.1+k3s1' },
    {},
    '/run/k3s/containerd/containerd.sock',
  ],
  [
    'RKE2',
    { containerRuntimeVersion: 'containerd://2.0.5-k3s1', kubeletVersion: 'v1.33.1+rke2r1' },
    {},
    '/run/k3s/containerd/containerd.sock',
  ],
  ['k0s', { containerRuntimeVersion: 'containerd://1.7.27', kubeletVersion: 'v1.33.1+k0s' }, {}, '/run/k0s/containerd.sock'],
  [
    'MicroK8s',
    { containerRuntimeVersion: 'containerd://1.6.36', kubeletVersion: 'v1.33.1' },
    { 'microk8s.io/cluster': 'true' },
    '/var/snap/microk8s/common/run/containerd.sock',
  ],
  ['cri-dockerd', { containerRuntimeVersion: 'docker://28.1.1', kubeletVersion: 'v1.33.1' }, {}, '/run/containerd/containerd.sock'],
];
for (const [name, info, labels, socket] of cases)
  test(`shape of a node: ${name}`, () => assert.deepEqual(shapeOf(node(info, labels)), { shape: shapeOfSocket(socket) }));

test('nodes without an agent', () => {
  assert.deepEqual(shapeOf(node({ operatingSystem: 'windows', containerRuntimeVersion: 'containerd://1.7' })), { apart: true });
  assert.deepEqual(shapeOf(node({ containerRuntimeVersion: 'cri-o://1.33.0' })), {
    problem: 'there is no agent for the runtime cri-o yet',
  });
  assert.match(JSON.stringify(shapeOf(node({}))), /has not said yet/);
  assert.match(
    JSON.stringify(shapeOf(nodeFacts({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: 7 }))),
    /has not said yet/,
  );
});

test('the administrator names the socket', () =>
  assert.deepEqual(shapeOf(node({ containerRuntimeVersion: 'containerd://1.7' }), '/x/y.sock'), { shape: shapeOfSocket('/x/y.sock') }));

test('labels are KubeArmor’s', () =>
  assert.deepEqual(shapeLabels(shapeOfSocket('/run/containerd/containerd.sock')), {
    'kubearmor.io/runtime': 'containerd',
    'kubearmor.io/socket': 'run_containerd_containerd.sock',
  }));
