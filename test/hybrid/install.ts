// SPDX-License-Identifier: Apache-2.0
// KubeArmor in a hybrid cluster: the definitions, the operator and a KubeArmorConfig; everything else the operator does.
import { join } from 'node:path';
import { CONFIGS, NAMES } from '#cluster';
import { definitions, imagesOf, kindOf, KINDS, operatorObjects } from '#install';
import { until } from '../vm/running.ts';
import type { Hybrid } from './cluster.ts';

const BY = { fieldManager: 'installer' };
/** Under emulation each program takes half a minute to start. */
const READY_MS = 600_000;
export const CONFIG = 'kubearmorconfig-default';

/** Puts the operator there and waits until all is ready. @param version of the images that the node has */
export async function install(cluster: Hybrid, version: string, namespace: string = NAMES.namespace): Promise<void> {
  using api = cluster.api();
  for (const definition of definitions()) await api.apply(KINDS.definitions, definition, BY);
  await cluster.must('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await api.apply(KINDS.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, BY);
  for (const object of operatorObjects({ namespace, images: imagesOf(version) })) await api.apply(kindOf(object), object, BY);
  const config = { apiVersion: `${CONFIGS.group}/${CONFIGS.version}`, kind: CONFIGS.kind, metadata: { name: CONFIG, namespace }, spec: {} };
  await api.apply(CONFIGS, config, BY);
  await isReady(cluster, namespace);
}

/** Waits until an installation is whole. @throws {Error} with what there is to know, where it does not come to that */
export async function isReady(cluster: Hybrid, namespace: string = NAMES.namespace): Promise<void> {
  const waiting = ['wait', '-n', namespace, '--for=condition=Available', '--timeout=120s', `kubearmorconfigs/${CONFIG}`];
  try {
    await until('the operator has installed everything', async () => (await cluster.kubectl(...waiting)).code === 0, READY_MS);
    // The API server learns of the webhooks' pods by itself.
    const probe = ['create', '--dry-run=server', '-f', join(import.meta.dirname, 'probe-policy.yaml')];
    const isAsked = async (): Promise<boolean> => (await cluster.kubectl(...probe)).output.includes('is not an absolute path');
    await until('the webhooks answer', isAsked, READY_MS);
  } catch (error) {
    throw new Error(await trouble(cluster, namespace), { cause: error });
  }
}

/** What there is to know of pods that do not become ready. */
async function trouble(cluster: Hybrid, namespace: string): Promise<string> {
  const events = await cluster.kubectl('get', 'pods,events', '-n', namespace);
  const config = await cluster.kubectl('get', 'kubearmorconfigs', '-n', namespace, '-o', 'yaml');
  const logs = await cluster.kubectl('logs', '-n', namespace, '-l', 'app=kubearmor', '--prefix', '--tail=20', '--ignore-errors');
  return `${config.output}\n${events.output}\n${logs.output}`;
}
