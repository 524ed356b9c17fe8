// SPDX-License-Identifier: Apache-2.0
// The operator with a real API server and the controllers of Kubernetes: with the rights of its service account and no more.
import assert from 'node:assert/strict';
import { CONFIGS, CORE, NAMES } from '#cluster';
import { definitions, KINDS, operatorObjects, kindOf, shapeOfSocket } from '#install';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import { until } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import { OPERATOR_IMAGES, RunningOperator } from './running-operator.ts';
import { NODE_INFO } from './suite.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };
/** What a busy machine may take. */
const LATE_MS = 60_000;
const { name: DAEMON_SET } = shapeOfSocket('/run/containerd/containerd.sock');
const IMAGES = OPERATOR_IMAGES;

/** As an installer would, and nodes as their kubelets would. */
async function prepare(api: KubeApi, namespace: string): Promise<void> {
  await api.apply(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, BY);
  for (const object of [...definitions(), ...operatorObjects({ namespace, images: IMAGES })]) await api.apply(kindOf(object), object, BY);
  for (const name of ['n1', 'n2']) {
    await api.apply(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/os': 'linux' } } }, BY);
    const nodeInfo = name === 'n1' ? NODE_INFO : { ...NODE_INFO, containerRuntimeVersion: 'cri-o://1.33.0' };
    await api.patch(CORE.nodes, { name }, { status: { nodeInfo } }, { ...BY, subresource: 'status' });
  }
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
}

async function condition(api: KubeApi, namespace: string, type: string): Promise<Condition> {
  let found: Condition | undefined;
  await until(
    `a condition ${type}`,
    async () => {
      const status = (await api.get(CONFIGS, { name: 'default', namespace }))?.['status'] as { conditions?: Condition[] } | undefined;
      found = status?.conditions?.find((one) => one.type === type);
      return found !== undefined;
    },
    LATE_MS,
  );
  assert.ok(found);
  return found;
}

const OURS: readonly Kind[] = Object.values(KINDS).filter(
  (kind: Kind) => !(['definitions', 'namespaces'] as const).some((name) => KINDS[name] === kind),
);

/** Objects that bear KubeArmor's label, by name; with resource versions where asked for. */
async function labelled(api: KubeApi, selector: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const kind of [...OURS, CORE.secrets])
    for (const { metadata } of await api.list(kind, { labelSelector: selector }))
      found[`${kind.kind} ${metadata.name}`] = metadata.resourceVersion ?? '';
  return found;
}

const configOf = (namespace: string, spec: object = {}): KubeObject => ({
  apiVersion: 'operator.kubearmor.com/v1',
  kind: 'KubeArmorConfig',
  metadata: { name: 'default', namespace },
  spec,
});

async function wholeLife(plane: ControlPlane, namespace: string): Promise<void> {
  using api = plane.api();
  await prepare(api, namespace);
  const OF_OPERATOR = 'kubearmor.io/installed-by=kubearmor-operator';
  const versions = async (): Promise<Record<string, string>> => {
    // Kubernetes' own controllers write statuses while pods are made.
    const all = await labelled(api, OF_OPERATOR);
    return Object.fromEntries(Object.entries(all).filter(([name]) => !/^(DaemonSet|Deployment|PodDisruptionBudget) /.test(name)));
  };
  await using _first = new RunningOperator(plane, namespace);
  await api.create(CONFIGS, configOf(namespace), BY);
  assert.match((await condition(api, namespace, 'Available')).message, /Deployment kubearmor-controller/);
  assert.match((await condition(api, namespace, 'Degraded')).message, /n2: there is no agent for the runtime cri-o yet/);
  await until(
    'an agent is wanted on the node that has containerd',
    async () => (await api.list(CORE.pods, { namespace, labelSelector: 'kubearmor-app=kubearmor' })).length === 1,
    LATE_MS,
  );
  await changesNothing(plane, { api, namespace, versions });
  await drifts(api, namespace);
  await api.delete(CONFIGS, { name: 'default', namespace });
  await until('the installation is out', async () => Object.keys(await labelled(api, OF_OPERATOR)).length === 0, LATE_MS);
  const labels = (await api.list(CORE.nodes)).flatMap(({ metadata }) => Object.keys(metadata.labels ?? {}));
  assert.deepEqual(
    labels.filter((label) => label.startsWith('kubearmor.io/')),
    [],
  );
  for (const object of operatorObjects({ namespace, images: IMAGES })) await api.delete(kindOf(object), object.metadata);
  await until('no pod is left', async () => (await api.list(CORE.pods, { namespace })).length === 0, LATE_MS);
}

interface Life {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly versions: () => Promise<Record<string, string>>;
}

/** A second operator, as after a restart, applies everything again. */
async function changesNothing(plane: ControlPlane, { api, namespace, versions }: Life): Promise<void> {
  const daemonSet = async (): Promise<number | undefined> =>
    (await api.get(KINDS.daemonSets, { name: DAEMON_SET, namespace }))?.metadata.generation;
  const [before, generation] = [await versions(), await daemonSet()];
  assert.equal(generation, 1);
  {
    await using second = new RunningOperator(plane, namespace);
    await until('it has looked at everything', () => second.passes > 0, LATE_MS);
  }
  assert.deepEqual([await versions(), await daemonSet()], [before, generation]);
}

/** Somebody changes and deletes what is the operator's. */
async function drifts(api: KubeApi, namespace: string): Promise<void> {
  const relay = { name: NAMES.relay, namespace };
  await api.delete(KINDS.deployments, relay);
  await until('the relay is back', async () => (await api.get(KINDS.deployments, relay)) !== undefined, LATE_MS);
  const agents = { name: DAEMON_SET, namespace };
  const image = async (): Promise<string> => JSON.stringify((await api.get(KINDS.daemonSets, agents))?.['spec']);
  await api.patch(KINDS.daemonSets, agents, { spec: { template: { spec: { hostPID: false } } } }, BY);
  await until('the agents’ pods are as they were', async () => (await image()).includes('"hostPID":true'), LATE_MS);
}

const cases: readonly ClusterCase[] = [
  { name: 'installs, keeps, and takes out again, in kubearmor', run: (plane) => wholeLife(plane, 'kubearmor') },
  { name: 'the same in kube-system', run: (plane) => wholeLife(plane, 'kube-system') },
];

export const SUITE: ClusterSuite = { options: { controllerManager: true }, cases };
