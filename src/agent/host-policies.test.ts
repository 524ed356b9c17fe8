// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import { alertOf, logOf } from '#events';
import { parsePolicyObject } from '#policy';
import type { Policy } from '#policy';
import { boundHost } from './host-bound.ts';
import { probeData } from './probe-service.ts';
import { Protector } from './protector.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound, kernelEvent, plainRoot, policy } from './testing/samples.ts';

const file = { matchDirectories: [{ dir: '/tmp/', recursive: true }] };

function hostPolicy(matchLabels: Readonly<Record<string, string>>, name = 'block-tmp'): Policy {
  const spec = { nodeSelector: { matchLabels }, file, action: 'Block', severity: 5 };
  const parsed = parsePolicyObject({ metadata: { name }, spec }, { kind: 'KubeArmorHostPolicy' });
  assert.ok(parsed.policy, JSON.stringify(parsed.issues));
  return parsed.policy;
}

function node(): { enforcer: FakeEnforcer; protector: Protector } {
  const enforcer = new FakeEnforcer();
  const protector = new Protector({ enforcer, logger: noLogger, openRoot: plainRoot });
  const config = { hostPostures: { file: 'audit', network: 'audit', capabilities: 'audit' }, nodeLabels: { zone: 'a' } } as const;
  protector.bind(bound());
  protector.bind(boundHost('controlplane', config, 0));
  return { enforcer, protector };
}

const SELECTED: readonly (readonly [labels: Readonly<Record<string, string>>, isSelected: boolean])[] = [
  [{ 'kubernetes.io/hostname': 'controlplane' }, true],
  [{ 'kubernetes.io/hostname': '*' }, true],
  [{ 'kubearmor.io/hostname': 'a, controlplane' }, true],
  [{ 'kubernetes.io/hostnamereg': 'control.*' }, true],
  [{ 'kubearmor.io/hostnamereg': 'control' }, false],
  [{ 'kubernetes.io/hostname': 'other' }, false],
  [{ zone: 'a' }, true],
  [{ zone: 'b' }, false],
  [{ zone: 'a', 'kubernetes.io/hostname': 'other' }, false],
];
for (const [labels, isSelected] of SELECTED) {
  test(`nodeSelector ${JSON.stringify(labels)}: ${isSelected ? 'this node' : 'another'}`, () => {
    const { enforcer, protector } = node();
    protector.apply([hostPolicy(labels)]);
    assert.equal(enforcer.protected.get('host')?.ruleSet?.rules.length, isSelected ? 1 : undefined);
    assert.equal(enforcer.protected.get('default/web')?.ruleSet, undefined, 'a container is not the host');
  });
}

test('a container policy is not the host’s, whatever it selects', () => {
  const { enforcer, protector } = node();
  const all = { ...policy('a'), selector: { ...policy('a').selector, containerNames: [] } };
  protector.apply([all, { ...all, kind: 'KubeArmorClusterPolicy', namespace: '' }]);
  assert.equal(enforcer.protected.get('host'), undefined);
  assert.equal(enforcer.protected.get('default/web')?.ruleSet?.rules.length, 2);
});

test('the host in getProbeData: under its own name, and no container', () => {
  const { protector } = node();
  protector.apply([hostPolicy({ zone: 'a' })]);
  const { hostMap, containerMap, containerList } = probeData(protector.status(), []);
  assert.deepEqual([hostMap['controlplane']?.policyList, Object.keys(hostMap)], [['block-tmp'], ['controlplane']]);
  assert.deepEqual([Object.keys(containerMap), containerList], [['web'], ['web']]);
});

test('its events are of types of their own, and name no container', () => {
  const { protector } = node();
  protector.apply([hostPolicy({ zone: 'a' })]);
  const { workload } = protector.status()[1]!;
  const names = { clusterName: 'default', hostName: 'controlplane', nodeId: 'id', version: '1', wallClock: () => new Date(0) };
  const context = { ...names, workload, rule: undefined, enforcer: 'BPFLSM' };
  const alert = alertOf(kernelEvent(), context);
  const { Type, HostName, NamespaceName, PodName, ContainerID, Labels } = alert;
  assert.deepEqual([Type, HostName, NamespaceName, PodName, ContainerID, Labels], ['MatchedHostPolicy', 'controlplane', '', '', '', '']);
  assert.equal(logOf(kernelEvent({ outcome: 'observed' }), context).Type, 'HostLog');
});
