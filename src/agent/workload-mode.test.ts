// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modeOf } from './workload-mode.ts';

const config = { untrackedNamespaces: new Set(['kubearmor']), auditedNamespaces: new Set(['kube-system']), modeAnnotation: true };
const identity = {
  runtimeNamespace: 'k8s.io',
  namespace: 'shop',
  podName: 'p',
  containerName: 'c',
  image: 'i',
  labels: { 'kubearmor-policy': 'disabled' },
  isSandbox: false,
  isPod: true,
  policyAnnotation: undefined,
};

test('the annotation sets the mode, a label does not', () => {
  assert.equal(modeOf(identity, config), 'enabled');
  for (const mode of ['enabled', 'audited', 'disabled'] as const)
    assert.equal(modeOf({ ...identity, policyAnnotation: mode }, config), mode);
  assert.equal(modeOf({ ...identity, policyAnnotation: 'off' }, config), 'enabled');
  assert.equal(modeOf({ ...identity, policyAnnotation: 'disabled' }, { ...config, modeAnnotation: false }), 'enabled');
});

test('configuration comes first, for namespaces that are Kubernetes’ own word', () => {
  assert.equal(modeOf({ ...identity, namespace: 'kubearmor', policyAnnotation: 'enabled' }, config), 'disabled');
  assert.equal(modeOf({ ...identity, namespace: 'kube-system', policyAnnotation: 'disabled' }, config), 'audited');
  for (const namespace of ['kubearmor', 'kube-system'])
    assert.equal(modeOf({ ...identity, isPod: false, namespace }, config), 'enabled', 'a container that an image’s label puts there');
});
