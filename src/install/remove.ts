// SPDX-License-Identifier: Apache-2.0
import { CONTROLLER_LEASE, CORE, fieldsOf, LABELS, NAMES, NODE_REPORTS, nodeLeaseName } from '#cluster';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import { removerDaemonSet } from './agent.ts';
import type { Installation } from './installation.ts';
import { isOurs } from './foreign.ts';
import { otherHolder } from './holder.ts';
import { kindOf, KINDS } from './kinds.ts';
import { rolloutOf } from './rollout.ts';
import { NETWORK_SECRETS } from './secrets.ts';
import { SHAPES } from './shapes.ts';
import type { NodeShape } from './shapes.ts';
import { installationObjects } from './table.ts';

export interface RemoveParts {
  readonly api: KubeApi;
  readonly fieldManager: string;
  /** Waits a moment between two looks. */
  readonly pause: () => Promise<void>;
  /** Looks at nodes that end enforcement, before it is said that some did not. */
  readonly looks: number;
  readonly tell: (text: string) => void;
  /** Shapes beyond `SHAPES`. */
  readonly shapes?: readonly NodeShape[];
}

/** DaemonSets, and on how many of their nodes enforcement was not seen to end. */
export type Unfinished = readonly { readonly name: string; readonly nodes: number }[];

/**
 * Takes an installation out again, from any state, as often as need be: agents, what they left in force on their nodes, everything else of
 * the table, certificates, what agents report, and labels of nodes. Definitions and policies stay: they are the users'.
 *
 * What is in the way of others goes first (webhooks that refuse), and the ConfigMap last: while it is there, there is something to remove.
 *
 * @returns nodes that did not say in time that nothing is in force; their rules are in force until they start again
 * @throws {KubeArmorError} as `KubeApi`
 */
export async function removeInstallation(installation: Installation, parts: RemoveParts): Promise<Unfinished> {
  const { api, tell } = parts;
  const { namespace } = installation;
  const shapes = [...SHAPES, ...(parts.shapes ?? [])];
  const objects = installationObjects(installation, shapes).toReversed();
  const isAgents = ({ kind }: KubeObject): boolean => kind === KINDS.daemonSets.kind;
  const isMark = ({ metadata: { name } }: KubeObject): boolean => name === NAMES.configMap;
  // What the cluster has once and serves an installation in another namespace is that one's.
  const isShared = (await otherHolder(api, objects)) !== undefined;
  const isMine = ({ metadata }: KubeObject): boolean => !isShared || metadata.namespace !== undefined;
  if (!isShared) await removeNamed(api, KINDS.webhooks, { name: NAMES.validatingWebhook });
  const unfinished = await endEnforcement(installation, shapes, parts);
  tell('the rest of the installation is removed');
  for (const object of objects.filter((one) => isMine(one) && !isAgents(one) && !isMark(one)))
    await removeNamed(api, kindOf(object), object.metadata);
  for (const name of [...NETWORK_SECRETS, NAMES.webhookSecret]) await api.delete(CORE.secrets, { name, namespace });
  await removeTraces(namespace, parts, isShared);
  await removeNamed(api, KINDS.configMaps, { name: NAMES.configMap, namespace });
  return unfinished;
}

/** Whether there is something to remove. */
export async function isInstalled(api: KubeApi, namespace: string): Promise<boolean> {
  const mark = await api.get(KINDS.configMaps, { name: NAMES.configMap, namespace });
  return mark !== undefined && isOurs(mark);
}

/** Whether the API server has this kind of ours, and is to keep it. */
export async function isServed(api: KubeApi, { plural, group }: Kind): Promise<boolean> {
  const definition = await api.get(KINDS.definitions, { name: `${plural}.${group}` });
  return definition !== undefined && definition.metadata.deletionTimestamp === undefined;
}

/** Deletes what is ours by this name; what somebody else put there stays. */
async function removeNamed(
  api: KubeApi,
  kind: Kind,
  { name, namespace }: { readonly name: string; readonly namespace?: string },
): Promise<boolean> {
  const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
  const found = await api.get(kind, ref);
  if (found === undefined || !isOurs(found)) return false;
  const { uid } = found.metadata;
  return api.delete(kind, ref, uid === undefined ? {} : { uid });
}

async function endEnforcement(installation: Installation, shapes: readonly NodeShape[], parts: RemoveParts): Promise<Unfinished> {
  const { api, fieldManager, tell } = parts;
  const { namespace } = installation;
  const enders: KubeObject[] = [];
  for (const shape of shapes) {
    const ender = removerDaemonSet(installation, shape);
    const agents = await api.get(KINDS.daemonSets, { name: shape.name, namespace });
    const before = await api.get(KINDS.daemonSets, ender.metadata);
    if (agents !== undefined) enders.push(await api.apply(KINDS.daemonSets, inPlaceOf(agents, ender), { fieldManager }));
    // Left by a removal that did not come to its end.
    else if (before !== undefined) enders.push(before);
    await removeNamed(api, KINDS.daemonSets, { name: shape.name, namespace });
  }
  if (enders.length > 0)
    tell(`agents are removed, and what they left in force is ended by ${enders.map(({ metadata }) => metadata.name).join(', ')}`);
  const unfinished = await waitFor(enders, parts);
  for (const { metadata } of enders) await removeNamed(api, KINDS.daemonSets, metadata);
  return unfinished;
}

const podOf = (workload: KubeObject): Readonly<Record<string, unknown>> =>
  fieldsOf(fieldsOf(fieldsOf(workload['spec'])['template'])['spec']);
const listOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.map(fieldsOf) : []);
const only = (fields: Readonly<Record<string, unknown>>, names: readonly string[]): object =>
  Object.fromEntries(names.flatMap((name) => (Object.hasOwn(fields, name) ? [[name, fields[name]]] : [])));

/** What ends enforcement runs where, and from the image from which, these agents ran, whatever is configured now. */
function inPlaceOf(agents: KubeObject, ender: KubeObject): KubeObject {
  const [theirs, ours] = [podOf(agents), podOf(ender)];
  const image = only(listOf(theirs['containers'])[0] ?? {}, ['image', 'imagePullPolicy']);
  const withImage = (name: string): object[] => listOf(ours[name]).map((container) => ({ ...container, ...image }));
  const places = only(theirs, ['nodeSelector', 'tolerations', 'imagePullSecrets']);
  const spec = fieldsOf(ender['spec']);
  const pod = { ...ours, ...places, initContainers: withImage('initContainers'), containers: withImage('containers') };
  return { ...ender, spec: { ...spec, template: { ...fieldsOf(spec['template']), spec: pod } } };
}

async function waitFor(enders: readonly KubeObject[], { api, pause, looks }: RemoveParts): Promise<Unfinished> {
  let left: { name: string; nodes: number }[] = [];
  for (let look = 0; look < looks; look++) {
    const found = await Promise.all(enders.map(({ metadata }) => api.get(KINDS.daemonSets, metadata)));
    left = found.flatMap((one) => {
      if (one === undefined) return []; // somebody else took it out: it was done
      const { wanted, ready, isDone } = rolloutOf(one);
      return isDone ? [] : [{ name: one.metadata.name, nodes: wanted - ready }];
    });
    if (left.length === 0) break;
    await pause();
  }
  return left;
}

/**
 * What agents and the controller wrote, and the labels that nodes bear because of the installation.
 *
 * @param isShared nodes are another installation's too: their reports and labels stay
 */
async function removeTraces(namespace: string, { api, fieldManager }: RemoveParts, isShared: boolean): Promise<void> {
  if (!isShared && (await isServed(api, NODE_REPORTS)))
    for (const { metadata } of await api.list(NODE_REPORTS)) await api.delete(NODE_REPORTS, metadata);
  await api.delete(CORE.leases, { name: CONTROLLER_LEASE, namespace });
  const keys = isShared ? [] : NODE_LABELS;
  for (const { metadata } of await api.list(CORE.nodes)) {
    await api.delete(CORE.leases, { name: nodeLeaseName(metadata.name), namespace });
    const labels = Object.fromEntries(keys.filter((key) => Object.hasOwn(metadata.labels ?? {}, key)).map((key) => [key, null]));
    if (Object.keys(labels).length > 0) await api.patch(CORE.nodes, { name: metadata.name }, { metadata: { labels } }, { fieldManager });
  }
}

/** Of nodes: those of ours, and those that KubeArmor's operator leaves. */
export const NODE_LABELS: readonly string[] = [
  LABELS.enforcer,
  LABELS.runtime,
  LABELS.socket,
  LABELS.btf,
  LABELS.apparmorfs,
  LABELS.securityfs,
  LABELS.seccomp,
  'kubearmor.io/nri-socket',
  'kubearmor.io/oci-hooks',
  'kubearmor.io/rand',
];
