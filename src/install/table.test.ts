// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '#cluster';
import type { AccessRule } from '#cluster';
import type { KubeObject } from '#k8s';
import { ACCOUNTS, imagesOf, installationObjects, kindOf, KINDS, operatorObjects, SHAPES } from './index.ts';
import type { Installation } from './index.ts';

function installation(spec: object = {}, namespace = 'kubearmor'): Installation {
  const { config } = readConfig({ spec });
  assert.ok(config);
  return { namespace, config, images: imagesOf('1.2.3') };
}
const nameOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
const one = (objects: readonly KubeObject[], kind: string, name: string): KubeObject => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
};
interface PodSpec {
  readonly tolerations?: readonly object[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly imagePullSecrets?: readonly object[];
  readonly containers: readonly {
    readonly image: string;
    readonly imagePullPolicy: string;
    readonly args: readonly string[];
    readonly env: object[];
  }[];
  readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
}
const podOf = (object: KubeObject): PodSpec => (object['spec'] as { template: { spec: PodSpec } }).template.spec;

test('each object has a name of its own, the marks of who installed it, and its namespace', () => {
  for (const namespace of ['kubearmor', 'kube-system']) {
    const objects = installationObjects(installation({}, namespace), SHAPES);
    const names = objects.map(nameOf);
    assert.deepEqual(names, [...new Set(names)]);
    for (const object of objects) {
      assert.equal(object.metadata.namespace, kindOf(object).namespaced ? namespace : undefined, nameOf(object));
      assert.equal(object.metadata.labels?.['kubearmor.io/installed-by'], 'kubearmor-operator', nameOf(object));
    }
    const text = JSON.stringify(objects);
    if (namespace !== 'kubearmor') assert.doesNotMatch(text, /"namespace":"kubearmor"/);
  }
});

test('pods carry the labels that users select by, and their workloads select them by KubeArmor’s', () => {
  const objects = installationObjects(installation(), SHAPES);
  const workloads = [KINDS.deployments.kind, KINDS.daemonSets.kind] as string[];
  for (const object of objects.filter(({ kind }) => workloads.includes(kind))) {
    const { selector, template } = object['spec'] as {
      selector: { matchLabels: Record<string, string> };
      template: { metadata: { labels: Record<string, string> } };
    };
    const { labels } = template.metadata;
    assert.equal(labels['app'], 'kubearmor');
    for (const [key, value] of Object.entries(selector.matchLabels)) assert.equal(labels[key], value, nameOf(object));
  }
  assert.deepEqual((one(objects, 'Deployment', 'kubearmor-relay')['spec'] as { selector: unknown }).selector, {
    matchLabels: { 'kubearmor-app': 'kubearmor-relay' },
  });
});

test('in kube-system too each pod is found by the name and the label that KubeArmor’s users look for', () => {
  const namespace = 'kube-system';
  const objects = [
    ...installationObjects(installation({}, namespace), SHAPES),
    ...operatorObjects({ namespace, images: imagesOf('1.2.3') }),
  ];
  const workloads = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet');
  assert.equal(workloads.length, SHAPES.length + 3);
  for (const { metadata, ...rest } of workloads) {
    const { template } = rest['spec'] as { template: { metadata: { labels: Record<string, string> } } };
    // kubectl get pods -n kube-system | grep kubearmor; kubectl logs -n kube-system -l app=kubearmor
    assert.match(metadata.name, /^kubearmor/);
    assert.deepEqual([metadata.namespace, template.metadata.labels['app']], [namespace, 'kubearmor']);
    assert.match(template.metadata.labels['kubearmor-app'] ?? '', /^kubearmor/);
  }
});

test('what a KubeArmorConfig says of a component and of all of them', () => {
  const spec = {
    globalTolerations: [{ key: 'a', operator: 'Exists' }],
    globalNodeSelector: { zone: 'x', disk: 'slow' },
    globalImagePullSecrets: [{ name: 'all' }],
    globalEnv: [
      { name: 'HTTP_PROXY', value: 'p' },
      { name: 'X', value: 'global' },
    ],
    kubearmorImage: {
      image: 'mirror/agent:1',
      imagePullPolicy: 'Always',
      args: ['-enableKubeArmorHostPolicy'],
      env: [{ name: 'X', value: 'own' }],
      imagePullSecrets: [{ name: 'own' }],
      nodeSelector: { disk: 'fast' },
      tolerations: [{ key: 'b', operator: 'Exists' }],
    },
  };
  const [shape] = SHAPES;
  assert.ok(shape);
  const objects = installationObjects(installation(spec), [shape]);
  const pod = podOf(one(objects, 'DaemonSet', shape.name));
  assert.deepEqual(pod.tolerations, [
    { key: 'a', operator: 'Exists' },
    { key: 'b', operator: 'Exists' },
  ]);
  assert.equal(pod.nodeSelector['disk'], 'fast');
  assert.equal(pod.nodeSelector['zone'], 'x');
  assert.deepEqual(pod.imagePullSecrets, [{ name: 'all' }, { name: 'own' }]);
  const [agent] = pod.containers;
  assert.ok(agent);
  assert.deepEqual([agent.image, agent.imagePullPolicy, agent.args.at(-1)], ['mirror/agent:1', 'Always', '-enableKubeArmorHostPolicy']);
  assert.deepEqual(agent.env.slice(2), [
    { name: 'HTTP_PROXY', value: 'p' },
    { name: 'X', value: 'own' },
  ]);
  assert.equal(
    podOf(one(objects, 'Deployment', 'kubearmor-relay')).containers[0]?.image,
    'docker.io/kubearmor/kubearmor-relay-server:v1.2.3',
  );
});

test('agents run on tainted nodes, whatever others tolerate, unless they are told themselves what to tolerate', () => {
  const globalTolerations = [{ key: 'a', operator: 'Exists' }];
  const own = [{ key: 'gpu', operator: 'Exists' }];
  const argsOf = (objects: readonly KubeObject[]): readonly string[] =>
    podOf(one(objects, 'Deployment', 'kubearmor-controller')).containers[0]?.args ?? [];
  for (const spec of [{}, { globalTolerations }, { globalTolerations, kubearmorImage: { tolerations: [] } }]) {
    const objects = installationObjects(installation(spec), SHAPES);
    for (const object of objects.filter(({ kind }) => kind === 'DaemonSet'))
      assert.deepEqual(podOf(object).tolerations, [{ operator: 'Exists' }]);
    assert.deepEqual(argsOf(objects), ['-webhook-port=9443']);
  }
  const told = installationObjects(installation({ globalTolerations, kubearmorImage: { tolerations: own } }), SHAPES);
  for (const object of told.filter(({ kind }) => kind === 'DaemonSet'))
    assert.deepEqual(podOf(object).tolerations, [...globalTolerations, ...own]);
  assert.deepEqual(argsOf(told), ['-webhook-port=9443', '-nodes-without-agent=ordinary']);
});

test('a shape mounts the folder of its socket and no other runtime’s', () => {
  const folders = installationObjects(installation(), SHAPES).flatMap((object) =>
    object.kind === 'DaemonSet' ? podOf(object).volumes.flatMap(({ name, hostPath }) => (name === 'runtime' ? [hostPath?.path] : [])) : [],
  );
  assert.deepEqual(folders, ['/run/k3s/containerd', '/run/k0s', '/var/snap/microk8s/common/run', '/run/containerd']);
});

test('the operator holds every right that it grants', () => {
  const objects = operatorObjects({ namespace: 'kubearmor', images: imagesOf('1.2.3') });
  const rulesOf = (kind: string): readonly AccessRule[] =>
    one(objects, kind, kind === 'Role' ? 'kubearmor-operator-role' : 'kubearmor-operator-clusterrole')['rules'] as AccessRule[];
  const held = JSON.stringify([...rulesOf('ClusterRole'), ...rulesOf('Role')]);
  for (const { clusterRules, namespaceRules } of ACCOUNTS)
    for (const rule of [...clusterRules, ...namespaceRules]) assert.ok(held.includes(JSON.stringify(rule)), JSON.stringify(rule));
  assert.doesNotMatch(held, /"(escalate|bind|impersonate|\*)"/);
});

test('no container may become more than it is, and one alone is root', () => {
  const objects = [...installationObjects(installation(), SHAPES), ...operatorObjects({ namespace: 'k', images: imagesOf('1.2.3') })];
  const text = JSON.stringify(objects);
  assert.doesNotMatch(text, /"privileged":true|"allowPrivilegeEscalation":true|"hostNetwork"|"hostIPC"/);
  for (const object of objects.filter(({ kind }) => kind === 'Deployment')) assert.match(JSON.stringify(object), /"runAsNonRoot":true/);
});

test('no program but the operator may make or change the type of a Secret: it could have any account’s token', () => {
  const rules = ACCOUNTS.flatMap(({ clusterRules, namespaceRules }) => [...clusterRules, ...namespaceRules]);
  const onSecrets = rules.filter(({ resources }) => resources.includes('secrets')).flatMap(({ verbs }) => verbs);
  assert.deepEqual(onSecrets, ['list', 'watch', 'update']);
});
