// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as moment } from 'node:timers/promises';
import { noLogger } from '#base';
import { CONFIGS, CORE, NODE_REPORTS, readConfig } from '#cluster';
import { imagesOf, installationObjects, kindOf, KINDS, shapeOfSocket } from '#install';
import type { KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { until } from '../../test/vm/running.ts';
import { Operator } from './operator.ts';

const NAMESPACE = 'kubearmor';
const { name: DAEMON_SET } = shapeOfSocket('/run/containerd/containerd.sock');

function node(name: string, info: object = {}, labels: Record<string, string> = {}): KubeObject {
  const nodeInfo = { operatingSystem: 'linux', containerRuntimeVersion: 'containerd://2.1.0', kubeletVersion: 'v1.33.0', ...info };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, status: { nodeInfo } };
}
const config = (name: string, spec: object = {}, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'operator.kubearmor.com/v1',
  kind: 'KubeArmorConfig',
  metadata: { name, namespace: NAMESPACE, annotations },
  spec,
});
const theirs = (namespace: string, owner?: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: {
    name: 'kubearmor-bpf-containerd-98c2c',
    namespace,
    ...(owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'kubearmor-operator', uid: owner }] }),
  },
  spec: { template: { metadata: { labels: { 'kubearmor-app': 'kubearmor' } } } },
});

interface Status {
  readonly phase: string;
  readonly observedGeneration: number;
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
}

/** An operator on an API server in memory. */
class Running implements AsyncDisposable {
  readonly api: FakeKubeApi;
  readonly #stop = new AbortController();
  #done: Promise<void> | undefined;
  nowMs = Date.UTC(2026, 0, 1);

  constructor(api = new FakeKubeApi()) {
    this.api = api;
  }

  start(): this {
    const removal = { pause: async () => await moment(), looks: 2 };
    const options = { namespace: NAMESPACE, images: imagesOf('1.2.3'), socket: undefined, removal };
    this.#done = new Operator(options, { api: this.api, logger: noLogger, wallMs: () => this.nowMs }).run(this.#stop.signal);
    return this;
  }

  async statusOf(name: string): Promise<Status | undefined> {
    return (await this.api.get(CONFIGS, { name, namespace: NAMESPACE }))?.['status'] as Status | undefined;
  }

  async condition(name: string, type: string, reason: string): Promise<string> {
    let told: string | undefined;
    await until(`${type} is ${reason}`, async () => {
      const found = (await this.statusOf(name))?.conditions.find((one) => one.type === type);
      told = found?.message;
      return found?.reason === reason;
    });
    return told ?? '';
  }

  async has(kind: (typeof KINDS)[keyof typeof KINDS], name: string): Promise<boolean> {
    return (await this.api.get(kind, kind.namespaced ? { name, namespace: NAMESPACE } : { name })) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

test('a KubeArmorConfig and a node: everything is there, and nothing is written again', async () => {
  await using operator = new Running();
  const { api } = operator;
  api.seed(CORE.nodes, node('n1', {}, { 'kubearmor.io/rand': 'x1y2' }));
  api.seed(CORE.nodes, node('n2', { containerRuntimeVersion: 'cri-o://1.33.0' }));
  api.seed(CONFIGS, config('default', { tls: { enable: false } }));
  operator.start();
  assert.match(await operator.condition('default', 'Available', 'NotReady'), /Deployment kubearmor-controller/);
  assert.equal(await operator.condition('default', 'Degraded', 'NodesWithoutAgent'), 'n2: there is no agent for the runtime cri-o yet');
  assert.ok(await operator.has(KINDS.daemonSets, DAEMON_SET));
  assert.deepEqual((await api.get(CORE.nodes, { name: 'n1' }))?.metadata.labels, {
    'kubearmor.io/runtime': 'containerd',
    'kubearmor.io/socket': 'run_containerd_containerd.sock',
  });
  for (const name of [
    'kubearmor-ca',
    'kubearmor-agent-certs',
    'kubearmor-relay-server-certs',
    'kubearmor-relay-client-certs',
    'kubearmor-client-certs',
  ])
    assert.ok(await api.get(CORE.secrets, { name, namespace: NAMESPACE }), name);
  await api.delete(CORE.secrets, { name: 'kubearmor-agent-certs', namespace: NAMESPACE });
  await until(
    'it is made anew',
    async () => (await api.get(CORE.secrets, { name: 'kubearmor-agent-certs', namespace: NAMESPACE })) !== undefined,
  );
  const webhooks = { name: 'kubearmor-controller-webhook-server-cert', namespace: NAMESPACE };
  assert.equal((await api.get(CORE.secrets, webhooks))?.['type'], 'Opaque');
  await api.delete(CORE.secrets, webhooks);
  const token = { apiVersion: 'v1', kind: 'Secret', metadata: webhooks, type: 'kubernetes.io/service-account-token' };
  api.seed(CORE.secrets, token);
  await until('one of another type is made anew', async () => (await api.get(CORE.secrets, webhooks))?.['type'] === 'Opaque');
  const before = api.calls.length;
  const report = { node: { enforcer: 'x', lsm: ['lockdown', 'bpf'] }, state: 'enforcing' };
  api.seed(NODE_REPORTS, { apiVersion: 'v1', kind: 'KubeArmorNode', metadata: { name: 'n1' }, status: report });
  await until(
    'the node is labelled',
    async () => (await api.get(CORE.nodes, { name: 'n1' }))?.metadata.labels?.['kubearmor.io/enforcer'] === 'bpf',
  );
  const writes = api.calls.slice(before).filter(({ verb }) => !['get', 'watch'].includes(verb));
  assert.deepEqual(
    writes.map(({ verb, plural }) => `${verb} ${plural}`),
    ['patch nodes'],
  );
});

test('ready workloads make it Running', async () => {
  await using operator = new Running();
  const { api } = operator;
  api.seed(CONFIGS, config('default'));
  operator.start();
  await operator.condition('default', 'Available', 'NotReady');
  for (const name of ['kubearmor-controller', 'kubearmor-relay']) {
    const found = await api.get(KINDS.deployments, { name, namespace: NAMESPACE });
    assert.ok(found);
    api.seed(KINDS.deployments, { ...found, status: { observedGeneration: 1, readyReplicas: 2, updatedReplicas: 2 } });
  }
  await operator.condition('default', 'Available', 'Ready');
  const status = await operator.statusOf('default');
  assert.deepEqual([status?.phase, status?.observedGeneration], ['Running', 1]);
});

test('a document that is wrong changes nothing, and says what is wrong', async () => {
  await using operator = new Running();
  const { api } = operator;
  api.seed(CONFIGS, config('default', { defaultFilePosture: 'blok', controllerPort: -1 }));
  operator.start();
  const message = await operator.condition('default', 'Accepted', 'Invalid');
  assert.match(message, /defaultFilePosture.*controllerPort.*nothing is installed by it/s);
  assert.equal(await operator.has(KINDS.deployments, 'kubearmor-relay'), false);
  assert.equal(await operator.condition('default', 'Available', 'NothingInstalled'), 'no KubeArmorConfig could be read yet');
  await operator.condition('default', 'Degraded', 'NotAccepted');
});

for (const isNew of [false, true])
  test(`of a document that cannot be read the last that could be is kept up${isNew ? ', by an operator that starts anew too' : ''}`, async () => {
    const first = new Running();
    const { api } = first;
    api.seed(CONFIGS, config('default', { defaultFilePosture: 'block', kubearmorImage: { image: 'mirror/agent:1' } }));
    first.start();
    await first.condition('default', 'Available', 'NotReady');
    if (isNew) await first[Symbol.asyncDispose]();
    await api.patch(CONFIGS, { name: 'default', namespace: NAMESPACE }, { spec: { defaultFilePosture: 'blok' } }, { fieldManager: 't' });
    await using operator = isNew ? new Running(api).start() : first;
    assert.match(
      await operator.condition('default', 'Accepted', 'Invalid'),
      /blok.*; generation 1 is the last that could be read and is obeyed$/,
    );
    assert.match(await operator.condition('default', 'Available', 'NotReady'), /Deployment kubearmor-controller/);
    assert.match(await operator.condition('default', 'Degraded', 'NotAccepted'), /generation 2 cannot be read; generation 1 is/);
    api.seed(CORE.nodes, node('n1'));
    await until('the new node has an agent', () => operator.has(KINDS.daemonSets, DAEMON_SET));
    assert.match(JSON.stringify(await api.get(KINDS.daemonSets, { name: DAEMON_SET, namespace: NAMESPACE })), /mirror\/agent:1/);
    assert.equal((await api.get(CORE.nodes, { name: 'n1' }))?.metadata.labels?.['kubearmor.io/runtime'], 'containerd');
    const secret = { name: 'kubearmor-agent-certs', namespace: NAMESPACE };
    await api.delete(CORE.secrets, secret);
    await until('the certificate is made anew', async () => (await api.get(CORE.secrets, secret)) !== undefined);
    const settings = await api.get(KINDS.configMaps, { name: 'kubearmor-config', namespace: NAMESPACE });
    assert.match(JSON.stringify(settings?.['data']), /"defaultFilePosture":"block"/);
  });

test('of two KubeArmorConfigs the older is obeyed', async () => {
  await using operator = new Running();
  const { api } = operator;
  api.seed(CONFIGS, config('a'));
  api.seed(CONFIGS, config('b', { defaultFilePosture: 'block' }));
  operator.start();
  await operator.condition('a', 'Accepted', 'Accepted');
  await operator.condition('b', 'Accepted', 'AnotherIsObeyed');
});

test('nothing is installed beside another enforcer, until that is allowed', async () => {
  await using operator = new Running();
  const { api } = operator;
  api.seed(CORE.nodes, node('n1'));
  api.seed(KINDS.daemonSets, theirs(NAMESPACE));
  api.seed(CONFIGS, config('default'));
  operator.start();
  assert.match(
    await operator.condition('default', 'Degraded', 'AnotherInstallation'),
    /DaemonSet kubearmor\/kubearmor-bpf-containerd-98c2c/,
  );
  assert.equal(await operator.has(KINDS.daemonSets, DAEMON_SET), false);
  await api.patch(
    CONFIGS,
    { name: 'default', namespace: NAMESPACE },
    { metadata: { annotations: { 'kubearmor.io/take-over': 'true' } } },
    { fieldManager: 't' },
  );
  await until('ours took over', () => operator.has(KINDS.daemonSets, DAEMON_SET));
  assert.equal(await operator.has(KINDS.daemonSets, 'kubearmor-bpf-containerd-98c2c'), false);
});

test('what another version made in the operator’s own Deployment is taken over; in another namespace nothing is', async () => {
  await using operator = new Running();
  const { api } = operator;
  const { metadata } = api.seed(KINDS.deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'kubearmor-operator', namespace: NAMESPACE },
    spec: {},
  });
  api.seed(KINDS.daemonSets, theirs(NAMESPACE, metadata.uid));
  api.seed(KINDS.daemonSets, theirs('elsewhere', metadata.uid));
  api.seed(CORE.nodes, node('n1'));
  api.seed(CONFIGS, config('default', {}, { 'kubearmor.io/take-over': 'true' }));
  operator.start();
  assert.match(await operator.condition('default', 'Degraded', 'AnotherInstallation'), /elsewhere/);
  assert.equal(await operator.has(KINDS.daemonSets, 'kubearmor-bpf-containerd-98c2c'), true, 'all or none');
  await api.delete(KINDS.daemonSets, { name: 'kubearmor-bpf-containerd-98c2c', namespace: 'elsewhere' });
  await until('ours took over', () => operator.has(KINDS.daemonSets, DAEMON_SET));
  assert.equal(await operator.has(KINDS.daemonSets, 'kubearmor-bpf-containerd-98c2c'), false);
});

test('a Deployment of KubeArmor under our name is replaced, not added to', async () => {
  await using operator = new Running();
  const { api } = operator;
  const theirs = api.seed(KINDS.deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'kubearmor-controller', namespace: NAMESPACE, labels: { 'kubearmor-app': 'kubearmor-controller' } },
    spec: { template: { spec: { volumes: [{ name: 'cert' }], containers: [{ name: 'manager', command: ['/manager'] }] } } },
  });
  api.seed(CONFIGS, config('default'));
  operator.start();
  await operator.condition('default', 'Available', 'NotReady');
  const ours = await api.get(KINDS.deployments, { name: 'kubearmor-controller', namespace: NAMESPACE });
  assert.notEqual(ours?.metadata.uid, theirs.metadata.uid);
  assert.ok(!JSON.stringify(ours?.['spec']).includes('/manager'));
});

test('without a KubeArmorConfig everything is taken out, and what others put there stays', async () => {
  await using operator = new Running();
  const { api } = operator;
  api.seed(CORE.nodes, node('n1'));
  api.seed(NODE_REPORTS, { apiVersion: 'v1', kind: 'KubeArmorNode', metadata: { name: 'n1' } });
  api.seed(KINDS.services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'another', namespace: NAMESPACE } });
  api.seed(CONFIGS, config('default', { kubearmorImage: { image: 'mirror/agent:1' } }));
  operator.start();
  await operator.condition('default', 'Available', 'NotReady');
  await api.delete(CONFIGS, { name: 'default', namespace: NAMESPACE });
  await until('the last object is gone', async () => !(await operator.has(KINDS.configMaps, 'kubearmor-config')));
  const ours = Object.values(KINDS).filter((kind) => ![KINDS.definitions, KINDS.namespaces].some(({ plural }) => plural === kind.plural));
  const left = await Promise.all(ours.map(async (kind) => (await api.list(kind)).map(({ metadata }) => `${kind.kind} ${metadata.name}`)));
  assert.deepEqual(left.flat(), ['Service another']);
  assert.deepEqual(await api.list(CORE.secrets), []);
  assert.deepEqual((await api.get(CORE.nodes, { name: 'n1' }))?.metadata.labels, {});
  assert.deepEqual(await api.list(NODE_REPORTS), []);
  const ended = api.calls.find(({ verb, name }) => verb === 'apply' && name === `${DAEMON_SET}-remove`);
  assert.match(JSON.stringify(ended?.body), /"image":"mirror\/agent:1".*"args":\["-remove","-yes"\]/);
});

test('an installation of ours in another namespace is another: nothing is installed beside it, and what the cluster has once stays its', async () => {
  await using operator = new Running();
  const { api } = operator;
  const elsewhere = { namespace: 'kube-system', images: imagesOf('1.2.3'), config: readConfig({}).config ?? assert.fail() };
  const first = installationObjects(elsewhere, [shapeOfSocket('/run/containerd/containerd.sock')]);
  api.seed(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } });
  const versions = first.map((object) => api.seed(kindOf(object), object).metadata.resourceVersion);
  api.seed(CORE.nodes, node('n1'));
  api.seed(CONFIGS, config('default', {}, { 'kubearmor.io/take-over': 'true' }));
  operator.start();
  const message = await operator.condition('default', 'Degraded', 'AnotherInstallation');
  assert.match(message, new RegExp(`ClusterRoleBinding .* serves the namespace kube-system; DaemonSet kube-system/${DAEMON_SET}`));
  assert.match(message, /karmor uninstall -n NAMESPACE/);
  assert.equal(await operator.has(KINDS.daemonSets, DAEMON_SET), false);
  const after = await Promise.all(first.map((object) => api.get(kindOf(object), object.metadata)));
  assert.deepEqual(
    after.map((object) => object?.metadata.resourceVersion),
    versions,
  );
});

test('what the cluster has once belongs to the operator’s namespace, and what the namespace holds does not', async () => {
  await using operator = new Running();
  const { api } = operator;
  const { metadata } = api.seed(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  api.seed(CONFIGS, config('default'));
  operator.start();
  await operator.condition('default', 'Available', 'NotReady');
  const owner = { apiVersion: 'v1', kind: 'Namespace', name: NAMESPACE, uid: metadata.uid };
  const once = [KINDS.webhooks, KINDS.clusterRoles, KINDS.clusterRoleBindings];
  const objects = (await Promise.all(once.map((kind) => api.list(kind)))).flat();
  assert.equal(objects.length, 5);
  for (const one of objects) assert.deepEqual(one.metadata.ownerReferences, [owner], one.metadata.name);
  assert.equal((await api.list(KINDS.services))[0]?.metadata.ownerReferences, undefined);
});
