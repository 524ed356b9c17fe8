// SPDX-License-Identifier: Apache-2.0
// KubeArmor in a hybrid cluster, as the operator would put it there, but for certificates that openssl makes and one replica of each.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NAMES, readConfig } from '#cluster';
import { agentDaemonSet, definitions, imagesOf, installationObjects, kindOf, KINDS, nodeFacts, shapeLabels, shapeOf } from '#install';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import { Pki } from '../cluster/pki.ts';
import { until } from '../vm/running.ts';
import { NODE } from './cluster.ts';
import type { Hybrid } from './cluster.ts';

const BY = { fieldManager: 'kubearmor-operator' };
const SECRETS: Kind = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
const NODES: Kind = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };
const READY_MS = 300_000;

/** Puts every object there and waits until all pods are ready. @param version of the images that the node has */
export async function install(cluster: Hybrid, version: string, namespace = 'kubearmor'): Promise<void> {
  using api = cluster.api();
  const { config } = readConfig({ spec: {} });
  if (config === undefined) throw new Error('the empty KubeArmorConfig is refused');
  for (const definition of definitions()) await api.apply(KINDS.definitions, definition, BY);
  await cluster.must('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await api.apply(KINDS.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, BY);
  await putCertificates(api, namespace);
  const node = await api.get(NODES, { name: NODE });
  const found = node === undefined ? undefined : shapeOf(nodeFacts(node));
  if (found === undefined || !('shape' in found)) throw new Error(`no shape for the node: ${JSON.stringify(found)}`);
  const { shape } = found;
  await api.patch(NODES, { name: NODE }, { metadata: { labels: shapeLabels(shape) } }, BY);
  const installation = { namespace, config, images: imagesOf(version) };
  for (const object of installationObjects(installation, [shape])) await api.apply(kindOf(object), oneReplica(object), BY);
  const { kind, metadata } = agentDaemonSet(installation, shape);
  await rolledOut(cluster, namespace, [`${kind}/${metadata.name}`, `deployment/${NAMES.controller}`, `deployment/${NAMES.relay}`]);
}

async function rolledOut(cluster: Hybrid, namespace: string, workloads: readonly string[]): Promise<void> {
  for (const workload of workloads) {
    const ran = await cluster.kubectl('rollout', 'status', '-n', namespace, `--timeout=${READY_MS / 1000}s`, workload);
    if (ran.code !== 0) throw new Error(`${workload}: ${ran.output}\n${await trouble(cluster, namespace)}`);
  }
  // The webhooks are asked at addresses that the API server has to learn of first.
  await until('the webhooks answer', async () => {
    const probe = ['create', '--dry-run=server', '-f', join(import.meta.dirname, 'probe-policy.yaml')];
    return (await cluster.kubectl(...probe)).output.includes('is not an absolute path');
  });
}

/** What there is to know of pods that do not become ready. */
async function trouble(cluster: Hybrid, namespace: string): Promise<string> {
  const events = await cluster.kubectl('get', 'pods,events', '-n', namespace, '-o', 'wide');
  const logs = await cluster.kubectl('logs', '-n', namespace, '-l', 'app=kubearmor', '--prefix', '--tail=20', '--ignore-errors');
  return `${events.output}\n${logs.output}`;
}

/** The guest is small, and this is not about replicas. */
function oneReplica(object: KubeObject): KubeObject {
  const spec = object['spec'] as { readonly replicas?: number } | undefined;
  return object.kind === 'Deployment' ? { ...object, spec: { ...spec, replicas: 1 } } : object;
}

/** Agents are reached by the addresses of their pods, whatever these will be. */
const POD_ADDRESSES = Array.from({ length: 253 }, (_, index) => `IP:10.244.0.${index + 2}`);

async function putCertificates(api: KubeApi, namespace: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-pki-'));
  const pki = new Pki(folder);
  const service = ['DNS:localhost', 'IP:127.0.0.1', `DNS:${NAMES.relayService}.${namespace}.svc`];
  pki.server('agent', POD_ADDRESSES);
  pki.server('relay', service);
  pki.client('relay-client', 'kubearmor-relay');
  pki.client('client', 'kubearmor-client');
  const files = {
    [NAMES.agentSecret]: 'agent',
    [NAMES.relaySecret]: 'relay',
    [NAMES.relayClientSecret]: 'relay-client',
    [NAMES.clientSecret]: 'client',
  };
  for (const [name, file] of Object.entries(files)) {
    const stringData = { 'ca.crt': pki.read('ca.crt'), 'tls.crt': pki.read(`${file}.crt`), 'tls.key': pki.read(`${file}.key`) };
    await api.apply(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData }, BY);
  }
  rmSync(folder, { recursive: true });
}
