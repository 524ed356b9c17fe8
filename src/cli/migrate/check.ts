// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CONFIGS, CORE, LABELS, NAMES, NODE_REPORTS, readConfig, textOf, textsOf } from '#cluster';
import { ANY_WORKLOAD, parsePolicyObject } from '#policy';
import { askedCluster } from '../cluster/cluster-flags.ts';
import type { ClusterPort } from '../cluster/cluster-port.ts';
import { findInstallation } from '../cluster/installation.ts';
import { listKnown, listPolicies } from '../cluster/live-policies.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { current, issueText, loaded, loadPolicySet, reportErrors } from '../policy-set.ts';
import type { LoadedPolicy } from '../policy-set.ts';
import { askedWorkload } from '../workload-flags.ts';
import { compareWithKubeArmor } from './compare.ts';
import { migrationJson, migrationText } from './render.ts';

/** Nodes that a message names. */
const NODES_NAMED = 5;

/** `karmor migrate --check`: what would decide otherwise; exit 1 if anything does. */
export async function runCheck(what: string, flags: Flags, io: Io): Promise<ExitCode> {
  const policies = what === 'cluster' ? await clusterPolicies(flags, io) : await filePolicies(what, io);
  if (policies === undefined) return EXIT_CODES.badData.code;
  const { postures } = askedWorkload(flags, [], ANY_WORKLOAD).workload;
  const comparison = compareWithKubeArmor(policies, { isSplitUsr: flags.isSet('splitUsr'), postures });
  if (flags.text('output') === 'json') await io.outJson(JSON.stringify(migrationJson(comparison), undefined, 2));
  else for (const line of migrationText(comparison, io.width)) await io.out(line);
  return comparison.policies.some(({ differences }) => differences.length > 0) ? EXIT_CODES.findings.code : EXIT_CODES.ok.code;
}

async function filePolicies(name: string, io: Io): Promise<LoadedPolicy[] | undefined> {
  const set = await loadPolicySet([name], io, { mayBeEmpty: true });
  return reportErrors(set.issues, io) ? undefined : current(set.all);
}

/** Policies of the cluster; what stands beside them that the new installation meets is told on stderr. */
async function clusterPolicies(flags: Flags, io: Io): Promise<LoadedPolicy[]> {
  using cluster = await io.cluster(askedCluster(flags));
  const live = await listPolicies(cluster.api, undefined, io.signal);
  await tellInstallation(cluster, flags, io);
  return live.flatMap(({ kind, ref, object }) => {
    const { policy, issues } = parsePolicyObject(object, { kind, file: `the cluster’s ${ref}` });
    for (const issue of issues) if (issue.severity === 'error') io.err(issueText(issue));
    return policy === undefined ? [] : [loaded(policy, `the cluster’s ${ref}`)];
  });
}

async function tellInstallation(cluster: ClusterPort, flags: Flags, io: Io): Promise<void> {
  const { api } = cluster;
  const say = (text: string): void => io.err(`karmor migrate: ${text}`);
  for (const object of (await listKnown(api, CONFIGS, {}, io.signal)) ?? []) {
    for (const { at, problem, cure } of readConfig(object).issues)
      say(`KubeArmorConfig ${object.metadata.namespace}/${object.metadata.name}: ${at}: ${problem} (${cure})`);
  }
  const found = await findInstallation(cluster, flags.text('kubearmorNamespace'), io.signal).catch((error: unknown) => {
    if (error instanceof KubeArmorError && error.code === 'NOT_SUPPORTED') return undefined;
    throw error;
  });
  if (found === undefined) return say('no KubeArmor runs in this cluster; only objects are looked at');
  const { namespace } = found;
  const pods = await api.list(CORE.pods, { namespace, labelSelector: 'kubearmor-app=kubearmor' }, io.signal);
  const reports = await listKnown(api, NODE_REPORTS, {}, io.signal);
  const isOurs = (reports ?? []).length > 0;
  const images = new Set(pods.flatMap(({ spec }) => imagesOf(spec)));
  if (pods.length > 0 && !isOurs)
    say(
      `KubeArmor’s own agents run in ${pods.length} ${pods.length === 1 ? 'pod' : 'pods'} in ${namespace} (${[...images].join(', ')}): end them before ours enforce; see the guide`,
    );
  await tellEnforcers(cluster, say, io);
  const config = await api.get(CORE.configMaps, { name: NAMES.configMap, namespace }, io.signal);
  const untracked = textsOf(config?.['data'])['untrackedNs'];
  if (untracked !== undefined)
    say(`the ConfigMap ${namespace}/${NAMES.configMap} has untrackedNs=${untracked}: policies count there only where it is changed`);
}

/** What is compared is what KubeArmor’s BPF-LSM enforcer does. */
async function tellEnforcers({ api }: ClusterPort, say: (text: string) => void, io: Io): Promise<void> {
  const nodes = await api.list(CORE.nodes, { labelSelector: LABELS.enforcer }, io.signal);
  const others = nodes.flatMap(({ metadata }) => {
    const enforcer = metadata.labels?.[LABELS.enforcer] ?? '';
    return ['bpf', 'none', ''].includes(enforcer) ? [] : [`${metadata.name}: ${enforcer}`];
  });
  if (others.length === 0) return;
  const named = others.slice(0, NODES_NAMED).join(', ');
  const have = others.length === 1 ? '1 node has' : `${others.length} nodes have`;
  say(`${have} KubeArmor’s label of another enforcer than bpf (${named}): what that decides is not compared`);
}

const imagesOf = (spec: unknown): string[] => {
  const containers =
    typeof spec === 'object' && spec !== null && 'containers' in spec && Array.isArray(spec.containers) ? spec.containers : [];
  return containers.flatMap((one: unknown) => textOf(one, 'image') ?? []);
};
