// SPDX-License-Identifier: Apache-2.0
// Each way of installing, with the operator and the controller as processes: brought, brought again, taken out. Helm is the real one
// (tools/helm/build), against charts on loopback, with the pages’ own lines but for the host.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSION } from '#base';
import { CONFIGS, CORE, readConfig } from '#cluster';
import { definitions, imagesOf, installationObjects, kindOf, KINDS } from '#install';
import type { KubeApi } from '#k8s';
import { runCli } from '../../src/cli/run-cli.ts';
import { recordingIo } from '../../src/cli/testing.ts';
import { manifestText, sampleConfigText } from '../../tools/release/charts.ts';
import { Helm } from '../helm/helm.ts';
import { until } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import { beyond, everything, settled } from './everything.ts';
import { PretendKubelet } from './pretend-kubelet.ts';
import { NODE_INFO } from './suite.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };
/** What a busy machine may take. */
const LATE_MS = 180_000;

interface Way {
  readonly namespace: string;
  /** The first time, and again. */
  readonly bring: (isAgain: boolean) => Promise<void>;
  readonly takeOut: () => Promise<void>;
  /** Records that the installer itself keeps, and changes each time. */
  readonly records?: RegExp;
  /** What it leaves by design, beside definitions. */
  readonly stays: readonly string[];
}

function assertRan({ code, output }: Ran): string {
  assert.equal(code, 0, output);
  return output;
}

/** A new namespace, with what Kubernetes puts into each. */
const namespaceStays = (name: string): string[] => [
  `ConfigMap ${name}/kube-root-ca.crt`,
  `Namespace /${name}`,
  `ServiceAccount ${name}/default`,
];

async function untilAvailable(api: KubeApi, namespace: string): Promise<void> {
  await until(
    'the installation is available',
    async () =>
      JSON.stringify((await api.list(CONFIGS, { namespace }))[0]?.['status'] ?? {}).includes('Kubearmor Application is Up and Running'),
    LATE_MS,
  );
}

/** The wiki's checks: `kubectl get pods | grep kubearmor`, `kubectl logs -l app=kubearmor`. */
async function assertFound(plane: ControlPlane, namespace: string): Promise<void> {
  const all = assertRan(await plane.kubectl('get', 'pods', '-n', namespace, '-o', 'name')).split('\n');
  const ours = all.filter((name) => name.includes('kubearmor'));
  const labelled = assertRan(await plane.kubectl('get', 'pods', '-n', namespace, '-l', 'app=kubearmor', '-o', 'name')).split('\n');
  assert.deepEqual(
    labelled.filter((name) => name !== ''),
    ours,
  );
  for (const part of ['kubearmor-containerd-', 'kubearmor-relay-', 'kubearmor-controller-', 'kubearmor-operator-'])
    assert.ok(
      ours.some((name) => name.startsWith(`pod/${part}`)),
      `${part} of ${ours.join(', ')}`,
    );
}

async function wholeLife(plane: ControlPlane, way: Way): Promise<void> {
  using api = plane.api();
  await using _kubelet = new PretendKubelet(plane);
  await api.apply(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { 'kubernetes.io/os': 'linux' } } }, BY);
  await api.patch(CORE.nodes, { name: 'n1' }, { status: { nodeInfo: NODE_INFO } }, { ...BY, subresource: 'status' });
  const before = await settled(plane, LATE_MS);
  await way.bring(false);
  await untilAvailable(api, way.namespace);
  await assertFound(plane, way.namespace);
  const first = await settled(plane, LATE_MS);
  await way.bring(true);
  await untilAvailable(api, way.namespace);
  const moved = (all: ReadonlyMap<string, string>): string[] =>
    [...all].map((one) => one.join(' ')).filter((one) => way.records?.test(one) !== true);
  assert.deepEqual(moved(await settled(plane, LATE_MS)), moved(first), 'a second time changed something');
  await way.takeOut();
  const kept = new Set([...way.stays, ...definitions().map(({ metadata }) => `CustomResourceDefinition /${metadata.name}`)]);
  const isLeft = async (): Promise<string[]> =>
    beyond(await everything(plane), before).filter((name) => !kept.has(name) && !name.startsWith('APIService '));
  let left: string[] = [];
  await until('nothing is left', async () => (left = await isLeft()).length === 0, LATE_MS).catch((error: unknown) => {
    assert.deepEqual(left, []);
    throw error;
  });
  const [node] = await api.list(CORE.nodes);
  const labels = Object.keys(node?.metadata.labels ?? {}).filter((label) => label.startsWith('kubearmor.io/'));
  assert.deepEqual(labels, []);
  await clear(api, way);
}

/** For the next way: as nothing had ever been installed. */
async function clear(api: KubeApi, { namespace }: Way): Promise<void> {
  for (const { metadata } of definitions()) await api.delete(KINDS.definitions, metadata);
  if (namespace !== 'kube-system') await api.delete(CORE.namespaces, { name: namespace });
  const isGone = async (): Promise<boolean> => {
    const found = await Promise.all(definitions().map(({ metadata }) => api.get(KINDS.definitions, metadata)));
    const space = namespace === 'kube-system' ? undefined : await api.get(CORE.namespaces, { name: namespace });
    return [...found, space].every((one) => one === undefined);
  };
  await until('namespace and definitions are gone', isGone, LATE_MS);
}

/** KubeArmor's usual values, as its documents have them. */
const VALUES: readonly string[] = [
  '--set=autoDeploy=true',
  '--set=kubearmorOperator.tolerations[0].operator=Exists',
  '--set=kubearmorOperator.image.repository=mirror.example/kubearmor/kubearmor-operator',
  '--set=kubearmorOperator.socketFile=/run/mine/containerd.sock',
  '--set=kubearmorOperator.annotateExisting=true',
  '--set=kubearmorConfig.defaultFilePosture=block',
  '--set=kubearmorConfig.defaultVisibility=process\\,network',
  '--set=kubearmorConfig.alertThrottling=true',
  '--set=kubearmorConfig.globalTolerations[0].operator=Exists',
];

async function withHelm(plane: ControlPlane, chart: string, bring: (helm: Helm, isAgain: boolean) => Promise<unknown>): Promise<void> {
  const folder = join(plane.folder, `helm-${chart}`);
  mkdirSync(folder);
  await using helm = await Helm.open(folder, plane.kubeconfigPath);
  await helm.addRepo();
  await wholeLife(plane, {
    namespace: 'kubearmor',
    bring: async (isAgain) => void (await bring(helm, isAgain)),
    takeOut: async () => void (await helm.mustCall('uninstall', chart, '--namespace', 'kubearmor')),
    records: /^Secret kubearmor\/sh\.helm\.release\./,
    stays: namespaceStays('kubearmor'),
  });
}

const INTO = ['-n', 'kubearmor', '--create-namespace'];
const operatorChart = (plane: ControlPlane): Promise<void> =>
  withHelm(plane, 'kubearmor-operator', async (helm) => {
    const said = await helm.mustCall('upgrade', '--install', 'kubearmor-operator', 'kubearmor/kubearmor-operator', ...INTO, ...VALUES);
    assert.match(said, /not taken.*\n\n  kubearmorOperator\.annotateExisting$/m);
  });
const plainChart = (plane: ControlPlane): Promise<void> =>
  withHelm(plane, 'kubearmor', (helm, isAgain) =>
    helm.mustCall(isAgain ? 'upgrade' : 'install', 'kubearmor', 'kubearmor/kubearmor', ...INTO),
  );

async function manifest(plane: ControlPlane): Promise<void> {
  const [operator, config] = ['operator.yaml', 'config.yaml'].map((name) => join(plane.folder, name)) as [string, string];
  writeFileSync(operator, manifestText(VERSION));
  writeFileSync(config, sampleConfigText());
  using api = plane.api();
  await wholeLife(plane, {
    namespace: 'kubearmor',
    bring: async () => {
      assertRan(await plane.kubectl('apply', '--server-side', '-f', operator));
      await until('the kind is served', async () => (await plane.kubectl('apply', '--server-side', '-f', config)).code === 0);
    },
    takeOut: async () => {
      assertRan(await plane.kubectl('delete', '-f', config));
      const mark = { name: 'kubearmor-config', namespace: 'kubearmor' };
      await until('the operator has taken it out', async () => (await api.get(CORE.configMaps, mark)) === undefined, LATE_MS);
      // The namespace takes along what is named after it.
      assertRan(await plane.kubectl('delete', '--ignore-not-found', '-f', operator));
    },
    stays: [],
  });
}

async function karmor(plane: ControlPlane, namespace: string): Promise<void> {
  using api = plane.api();
  const cluster = { api, pods: undefined as never, server: 'https://test', [Symbol.dispose]: () => {} };
  const call = async (...words: readonly string[]): Promise<string> => {
    const { io, out, err } = recordingIo({ cluster, sleep: (ms) => sleep(ms), nowMs: () => performance.now() });
    assert.equal(await runCli([...words, '-n', namespace], io), 0, err.join('\n'));
    return out.join('\n');
  };
  await wholeLife(plane, {
    namespace,
    bring: async (isAgain) => {
      const said = await call('install');
      if (isAgain) assert.equal(said, `nothing to change in ${namespace} of https://test`);
    },
    takeOut: async () => void (await call('uninstall')),
    stays: namespace === 'kube-system' ? [] : namespaceStays(namespace),
  });
}

/** The wrong order: nobody is left who would take the rest out. */
async function namespaceFirst(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = 'gone';
  const { uid } = (await api.create(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, BY)).metadata;
  const { config } = readConfig({});
  assert.ok(config !== undefined && uid !== undefined);
  const owner = { apiVersion: 'v1', kind: 'Namespace', name: namespace, uid };
  const objects = installationObjects({ namespace, config, images: imagesOf(VERSION), owner }, []);
  for (const object of objects) await api.apply(kindOf(object), object, { fieldManager: 'kubearmor-operator' });
  assertRan(await plane.kubectl('delete', 'namespace', namespace));
  const left = async (): Promise<(string | undefined)[]> =>
    (await Promise.all(objects.map((object) => api.get(kindOf(object), object.metadata))))
      .filter((one) => one !== undefined)
      .map(({ kind }) => kind);
  await until('the webhooks and roles are gone too', async () => (await left()).length === 0, LATE_MS);
}

const cases: readonly ClusterCase[] = [
  { name: 'the namespace is deleted first, and the webhooks go too', run: namespaceFirst },
  { name: 'the chart kubearmor-operator with KubeArmor’s usual values', run: operatorChart },
  { name: 'the chart kubearmor', run: plainChart },
  { name: 'the manifest', run: manifest },
  { name: 'karmor install', run: (plane) => karmor(plane, 'kubearmor') },
  { name: 'karmor install into kube-system, where the wiki’s checks find it', run: (plane) => karmor(plane, 'kube-system') },
];

export const SUITE: ClusterSuite = { options: { controllerManager: true }, cases };
