// SPDX-License-Identifier: Apache-2.0
// A cluster where KubeArmor 1.7 is installed: ours in its place, what users wrote untouched, and the whole way back. The controllers of
// Kubernetes run; of the kubelet there is nothing, so what DaemonSets want is looked at, not what their pods do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIGS, CORE, POLICY_KINDS } from '#cluster';
import { definitions, imagesOf, kindOf, KINDS, operatorObjects, shapeOfSocket } from '#install';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import { until } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import { karmorInProcess as karmor } from './karmor-in-process.ts';
import {
  helmRelease,
  MUTATING_WEBHOOKS,
  theirDefinitions,
  theirInstallation,
  theirNode,
  theirOperator,
  THEIR_DAEMON_SET,
  usersNamespace,
  usersObjects,
} from './kubearmor-set.ts';
import type { Placed } from './kubearmor-set.ts';
import { RunningOperator } from './running-operator.ts';
import { NODE_INFO } from './suite.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'kubearmor-1.7' };
/** What a busy machine may take. */
const LATE_MS = 120_000;
const { name: DAEMON_SET } = shapeOfSocket('/run/containerd/containerd.sock');

const refOf = ({ kind, object: { metadata } }: Placed): { readonly name: string; readonly namespace?: string } => ({
  name: metadata.name,
  ...(kind.namespaced ? { namespace: metadata.namespace ?? '' } : {}),
});

/** As an installer that makes what is not there, and leaves what is. */
async function put(api: KubeApi, all: readonly Placed[]): Promise<void> {
  for (const one of all) if ((await api.get(one.kind, refOf(one))) === undefined) await api.create(one.kind, one.object, BY);
}

async function putDefinitions(plane: ControlPlane, api: KubeApi): Promise<void> {
  await put(api, theirDefinitions());
  await plane.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
}

async function putNodes(api: KubeApi, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await put(api, [theirNode(name)]);
    await api.patch(CORE.nodes, { name }, { metadata: { labels: theirNode(name).object.metadata.labels } }, BY);
    await api.patch(CORE.nodes, { name }, { status: { nodeInfo: NODE_INFO } }, { ...BY, subresource: 'status' });
  }
}

/** Whole, with what users wrote; returns what is theirs. */
async function putWholeSet(plane: ControlPlane, api: KubeApi, namespace: string): Promise<readonly Placed[]> {
  await putDefinitions(plane, api);
  await put(api, [{ kind: CORE.namespaces, object: namespaceOf(namespace) }]);
  await putNodes(api, ['n1', 'n2']);
  await put(api, [usersNamespace(), ...usersObjects(namespace), theirOperator(namespace)]);
  const operator = await api.get(KINDS.deployments, { name: 'kubearmor-operator', namespace });
  await put(api, theirInstallation(namespace, operator?.metadata.uid));
  return [usersNamespace(), ...usersObjects(namespace)];
}

const namespaceOf = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

/** What users wrote, in texts: nothing of it may change. */
async function snapshot(api: KubeApi, users: readonly Placed[]): Promise<Readonly<Record<string, string>>> {
  const rows = await Promise.all(
    users.map(async (one): Promise<[string, string]> => {
      const found = await api.get(one.kind, refOf(one));
      const { labels, annotations } = found?.metadata ?? {};
      // The controller manager counts its revisions there, when it comes to it.
      const { 'deployment.kubernetes.io/revision': _, ...written } = annotations ?? {};
      return [`${one.kind.kind} ${one.object.metadata.name}`, JSON.stringify([found?.['spec'], labels, written])];
    }),
  );
  return Object.fromEntries(rows);
}

async function versions(api: KubeApi, kinds: readonly Kind[]): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const kind of kinds)
    for (const { metadata } of await api.list(kind))
      found[`${kind.kind} ${metadata.namespace ?? ''}/${metadata.name}`] = metadata.resourceVersion ?? '';
  return found;
}

const daemonSets = async (api: KubeApi): Promise<string[]> =>
  (await api.list(KINDS.daemonSets)).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).toSorted();

/** Over and back with KubeArmor's own operator in the namespace that its pages name. */
async function thereAndBack(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = 'kubearmor';
  const users = await putWholeSet(plane, api, namespace);
  const before = await snapshot(api, users);
  const configMap = await dataOf(api, namespace);
  await looks(api);
  const file = await backsUp(api, plane.folder);
  await goesOver(plane, api, namespace);
  assert.deepEqual(await snapshot(api, users), before, 'what users wrote is as it was');
  await goesBack(plane, api, namespace);
  await restores(api, file);
  assert.deepEqual(await snapshot(api, users), before, 'what users wrote is as it was, after the way back too');
  assert.deepEqual(await dataOf(api, namespace), configMap);
}

const dataOf = async (api: KubeApi, namespace: string): Promise<unknown> =>
  (await api.get(CORE.configMaps, { name: 'kubearmor-config', namespace }))?.['data'];

/** Every policy whose verdict differs, with an access and why; the others are not named. */
const DIFFERING: readonly RegExp[] = [
  /^ksp\/shop\/no-shell .*\n {2}run \/usr\/bin\/sh: allowed with KubeArmor, denied here\n {6}spec\.process\.matchPaths\[0\], merged-usr$/m,
  /^ksp\/shop\/sockets .*\n(?: .*\n)*? {2}connect to an AF_UNIX stream socket: denied with KubeArmor, allowed here\n .*local-sockets$/m,
  /^csp\/no-netcat .*\n {2}run \/usr\/bin\/.*nc.*: allowed with KubeArmor, denied here\n {6}spec\.process\.matchPatterns\[0\], patterns$/m,
  /^hsp\/no-modules .*\n(?: .*\n)*? {6}spec\.capabilities\.matchCapabilities\[0\], host-capabilities$/m,
];

async function looks(api: KubeApi): Promise<void> {
  const looked = await karmor(api, 'migrate', '--check', 'cluster');
  assert.equal(looked.code, 1, looked.err);
  for (const told of DIFFERING) assert.match(looked.out, told);
  assert.ok(!looked.out.includes('ksp/shop/secrets'), looked.out);
  assert.match(looked.err, new RegExp(`DaemonSet kubearmor/${THEIR_DAEMON_SET}`));
  const again = await karmor(api, 'migrate', '--check', 'cluster');
  assert.deepEqual(again, looked);
}

async function backsUp(api: KubeApi, folder: string): Promise<string> {
  const [file, second] = [join(folder, 'before.json'), join(folder, 'again.json')];
  const made = await karmor(api, 'migrate', '--backup', file);
  assert.equal(made.code, 0, made.err);
  assert.match(made.out, /1 Namespace, 1 ConfigMap, 1 KubeArmorConfig, 3 KubeArmorPolicy, .*1 KubeArmorNetworkPolicy/);
  await karmor(api, 'migrate', '--backup', second);
  assert.equal(readFileSync(second, 'utf8'), readFileSync(file, 'utf8'));
  return file;
}

async function goesOver(plane: ControlPlane, api: KubeApi, namespace: string): Promise<void> {
  const installed = await karmor(api, 'install', '-n', namespace);
  assert.equal(installed.code, 0, installed.err);
  {
    await using _operator = new RunningOperator(plane, namespace);
    await until('ours is there alone', async () => (await daemonSets(api)).join() === `${namespace}/${DAEMON_SET}`, LATE_MS);
    await until('the controller is ours', async () => (await controllerPod(api, namespace)).includes('-webhook-port=9443'), LATE_MS);
  }
  assert.equal(await api.get(MUTATING_WEBHOOKS, { name: 'kubearmor-controller-mutating-webhook-configuration' }), undefined);
  const pod = await controllerPod(api, namespace);
  for (const theirs of ['/manager"]', '"cert"', 'initialDelaySeconds":15']) assert.ok(!pod.includes(theirs), `${theirs} is left: ${pod}`);
  await changesNothing(plane, api, namespace);
}

const controllerPod = async (api: KubeApi, namespace: string): Promise<string> =>
  JSON.stringify((await api.get(KINDS.deployments, { name: 'kubearmor-controller', namespace }))?.['spec'] ?? '');

/** Everything once more, by an operator that starts anew. */
async function changesNothing(plane: ControlPlane, api: KubeApi, namespace: string): Promise<void> {
  const kinds = [KINDS.configMaps, KINDS.services, KINDS.clusterRoles, KINDS.roles, KINDS.definitions, CORE.secrets];
  const [generations, first] = [await generationsOf(api), await versions(api, kinds)];
  const again = await karmor(api, 'install', '-n', namespace);
  assert.equal(again.out, `nothing to change in ${namespace} of https://test`);
  {
    await using operator = new RunningOperator(plane, namespace);
    await until('it has looked at everything', () => operator.passes > 0, LATE_MS);
  }
  assert.deepEqual([await generationsOf(api), await versions(api, kinds)], [generations, first]);
}

async function generationsOf(api: KubeApi): Promise<readonly string[]> {
  const all = [...(await api.list(KINDS.deployments)), ...(await api.list(KINDS.daemonSets)), ...(await api.list(CONFIGS))];
  return all.map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.generation}`).toSorted();
}

/** Ours taken out, KubeArmor's installer run as before: it makes its ConfigMap anew, without what a user changed in it. */
async function goesBack(plane: ControlPlane, api: KubeApi, namespace: string): Promise<void> {
  const removed = await karmor(api, 'uninstall', '-n', namespace);
  assert.ok([0, 4].includes(removed.code), removed.err);
  await until('nothing of ours is there', async () => (await daemonSets(api)).length === 0, LATE_MS);
  const marked = await api.list(KINDS.clusterRoles, { labelSelector: 'kubearmor.io/installed-by' });
  assert.deepEqual(marked, []);
  await putNodes(api, ['n1', 'n2']);
  await put(api, [theirOperator(namespace)]);
  const operator = await api.get(KINDS.deployments, { name: 'kubearmor-operator', namespace });
  await put(api, theirInstallation(namespace, operator?.metadata.uid));
  await plane.kubectl('patch', 'configmap', 'kubearmor-config', '-n', namespace, '-p', '{"data":{"untrackedNs":null,"visibility":"none"}}');
}

async function restores(api: KubeApi, file: string): Promise<void> {
  const restored = await karmor(api, 'migrate', '--restore', file);
  assert.equal(restored.code, 0, restored.err);
  assert.match(restored.out, /ConfigMap kubearmor\/kubearmor-config: changed back/);
  assert.match(restored.out, /KubeArmorConfig kubearmor\/kubearmorconfig-default: made again/);
  const kinds = [CORE.namespaces, CORE.configMaps, CONFIGS, ...Object.values(POLICY_KINDS)];
  const first = await versions(api, kinds);
  const again = await karmor(api, 'migrate', '--restore', file);
  assert.ok(!/made again|changed back/.test(again.out), again.out);
  assert.deepEqual(await versions(api, kinds), first);
}

/** KubeArmor runs in its namespace, and somebody installs ours in another: named, and nothing is put beside it. */
async function neverTwo(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = 'security';
  const refused = await karmor(api, 'install', '-n', namespace, '--take-over', '--wait');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /KubeArmor is in kubearmor already/);
  assert.equal(await api.get(CORE.namespaces, { name: namespace }), undefined);
  await byAnotherWay(api, namespace);
  const before = await daemonSets(api);
  assert.deepEqual(before, [`kubearmor/${THEIR_DAEMON_SET}`]);
  await using _operator = new RunningOperator(plane, namespace);
  let degraded = '';
  await until(
    'it is named',
    async () => {
      const found = await api.get(CONFIGS, { name: 'kubearmorconfig-default', namespace });
      degraded = JSON.stringify(found?.['status'] ?? '');
      return degraded.includes('AnotherInstallation');
    },
    LATE_MS,
  );
  assert.match(degraded, new RegExp(`another installation is there: DaemonSet kubearmor/${THEIR_DAEMON_SET}`));
  assert.deepEqual(await daemonSets(api), before);
  await tellsValues(api);
}

/** As a chart or a manifest brings it, which look at nothing before. */
async function byAnotherWay(api: KubeApi, namespace: string): Promise<void> {
  const by = { fieldManager: 'kubectl' };
  await api.apply(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, by);
  for (const object of [...definitions(), ...operatorObjects({ namespace, images: imagesOf('1.2.3') })])
    await api.apply(kindOf(object), object, by);
  const metadata = { name: 'kubearmorconfig-default', namespace, annotations: { 'kubearmor.io/take-over': 'true' } };
  const config = { apiVersion: 'operator.kubearmor.com/v1', kind: 'KubeArmorConfig', metadata, spec: {} };
  await until('its kind is served', () =>
    api.apply(CONFIGS, config, by).then(
      () => true,
      () => false,
    ),
  );
}

/** What its user set in the chart of KubeArmor's operator, by name. */
async function tellsValues(api: KubeApi): Promise<void> {
  const values = { autoDeploy: true, registry: { secretName: 'pull' }, kubearmorOperator: { annotateExisting: true } };
  await put(api, [helmRelease('kubearmor', 'kubearmor-operator', values)]);
  const { err } = await karmor(api, 'migrate', '--check', 'cluster', '--kubearmor-namespace', 'kubearmor');
  assert.match(
    err,
    /Helm release kubearmor\/ka of kubearmor-operator v1\.7\.4: taken as they are: autoDeploy, registry\.secretName; not taken: kubearmorOperator\.annotateExisting \(no workload is annotated/,
  );
}

const CASES: readonly ClusterCase[] = [
  { name: 'KubeArmor 1.7 by its operator: over, and back', run: thereAndBack },
  { name: 'KubeArmor 1.7 in another namespace is named, and nothing is put beside it', run: neverTwo },
];

export const SUITE: ClusterSuite = { options: { controllerManager: true }, cases: CASES };
