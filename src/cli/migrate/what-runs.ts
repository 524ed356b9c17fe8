// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CORE, LABELS, NAMES, fieldOf, listOf, textOf, textsOf } from '#cluster';
import { isOtherEnforcer, KINDS, LEFTOVERS } from '#install';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import type { ClusterPort } from '../cluster/cluster-port.ts';
import { readHelmRelease } from './helm-values.ts';
import type { HelmRelease } from './helm-values.ts';

/** Names that a line tells. */
const NAMED = 5;
/** Releases of Helm that are looked at; it keeps ten of each. */
const RELEASES_MAX = 20;
const PROFILE = 'container.apparmor.security.beta.kubernetes.io/';
const some = (names: readonly string[], most = NAMED): string =>
  [...names.slice(0, most), ...(names.length > most ? [`${names.length - most} more`] : [])].join(', ');

interface Telling {
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A read that this user may not be allowed: that is told, and the rest goes on. */
async function optional<T>(what: string, read: () => Promise<T>, say: Telling['say']): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KubeArmorError) || error.code !== 'API_REFUSED') throw error;
    say(`${what} cannot be read, so nothing is said of them: ${error.message}`);
    return undefined;
  }
}

/**
 * Tells what of a KubeArmor 1.7 installation is in the cluster: what enforces beside ours, its webhook, workloads that name its AppArmor
 * profiles, and which values of its charts count here.
 */
export async function tellWhatRuns({ api }: ClusterPort, asked: string | undefined, telling: Telling): Promise<void> {
  const { say, signal } = telling;
  const daemonSets = (await optional('DaemonSets', () => api.list(KINDS.daemonSets, {}, signal), say)) ?? [];
  const enforcers = daemonSets.filter((one) => isOtherEnforcer(one, undefined));
  for (const { metadata } of enforcers) {
    say(
      `DaemonSet ${metadata.namespace}/${metadata.name} brings KubeArmor’s own enforcers to nodes: \`karmor install --take-over\` in its namespace ends them, else remove it; ours is not installed beside it`,
    );
  }
  for (const { kind, name } of LEFTOVERS.filter((leftover) => leftover.name === NAMES.mutatingWebhook)) {
    const found = await optional(kind.plural, () => api.get(kind, { name }, signal), say);
    if (found !== undefined) say(`${kind.kind} ${name} annotates new pods for KubeArmor: it is removed with its enforcers`);
  }
  await tellProfiles(api, telling);
  const namespaces = new Set([asked ?? NAMES.namespace, ...enforcers.flatMap(({ metadata }) => metadata.namespace ?? [])]);
  for (const namespace of namespaces) await tellReleases(api, namespace, telling);
}

/** Their pods do not start on a node that has not loaded the profile: nothing loads it once KubeArmor's agent is gone. */
async function tellProfiles(api: KubeApi, { say, signal }: Telling): Promise<void> {
  const kinds: readonly Kind[] = [
    KINDS.deployments,
    { ...KINDS.deployments, kind: 'StatefulSet', plural: 'statefulsets' },
    KINDS.daemonSets,
  ];
  const found: string[] = [];
  for (const kind of kinds) {
    const all = (await optional(kind.plural, () => api.list(kind, {}, signal), say)) ?? [];
    found.push(...all.filter(namesProfile).map(({ metadata }) => `${kind.kind} ${metadata.namespace}/${metadata.name}`));
  }
  if (found.length === 0) return;
  say(
    `${found.length} ${found.length === 1 ? 'workload names' : 'workloads name'} AppArmor profiles of KubeArmor in pods’ annotations (${some(found)}): after it is gone their pods do not start on a node that was booted since; take ${PROFILE}… out of them`,
  );
}

function namesProfile(workload: KubeObject): boolean {
  const annotations = textsOf(fieldOf(fieldOf(fieldOf(workload['spec'], 'template'), 'metadata'), 'annotations'));
  return Object.entries(annotations).some(([key, value]) => key.startsWith(PROFILE) && /^localhost\/kubearmor[-_]/.test(value));
}

async function tellReleases(api: KubeApi, namespace: string, { say, signal }: Telling): Promise<void> {
  const selection = {
    namespace,
    labelSelector: 'owner=helm,status=deployed',
    fieldSelector: 'type=helm.sh/release.v1',
    atMost: RELEASES_MAX,
  };
  const secrets = (await optional(`Helm’s releases in ${namespace}`, () => api.list(CORE.secrets, selection, signal), say)) ?? [];
  for (const secret of secrets) {
    const release = readHelmRelease(secret);
    if (release !== undefined) say(typeof release === 'string' ? release : releaseText(namespace, release));
  }
}

function releaseText(namespace: string, { name, chart, version, taken, notTaken }: HelmRelease): string {
  const not = notTaken.map(({ value, why }) => `${value} (${why})`);
  const told = [
    taken.length === 0 ? 'no value of it is set that our chart takes' : `taken as they are: ${some(taken, 20)}`,
    ...(not.length === 0 ? [] : [`not taken: ${some(not, 20)}`]),
  ];
  return `Helm release ${namespace}/${name} of ${chart} ${version}: ${told.join('; ')}`;
}

/** Whether the agents in these pods are KubeArmor's: none of ours is there that reports. @returns their images */
export const imagesOf = (pods: readonly KubeObject[]): readonly string[] => [
  ...new Set(pods.flatMap(({ spec }) => listOf(spec, 'containers').flatMap((one) => textOf(one, 'image') ?? []))),
];

/** Nodes whose label says that KubeArmor's enforcer there is another than BPF-LSM: what that decides is not compared. */
export async function tellEnforcers({ api }: ClusterPort, { say, signal }: Telling): Promise<void> {
  const nodes = (await optional('nodes', () => api.list(CORE.nodes, { labelSelector: LABELS.enforcer }, signal), say)) ?? [];
  const others = nodes.flatMap(({ metadata }) => {
    const enforcer = metadata.labels?.[LABELS.enforcer] ?? '';
    return ['bpf', 'none', ''].includes(enforcer) ? [] : [`${metadata.name}: ${enforcer}`];
  });
  if (others.length === 0) return;
  const have = others.length === 1 ? '1 node has' : `${others.length} nodes have`;
  say(`${have} KubeArmor’s label of another enforcer than bpf (${some(others)}): what that decides is not compared`);
}
