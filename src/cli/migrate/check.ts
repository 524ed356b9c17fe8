// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CONFIGS, CORE, LABELS, NAMES, NODE_REPORTS, readConfig, textsOf } from '#cluster';
import { traceRemarks } from '#host';
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
import { imagesOf, tellEnforcers, tellWhatRuns } from './what-runs.ts';

/** Where the BPF file system is on nearly every machine. */
const BPFFS = '/sys/fs/bpf';

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

/** Policies of files are for this machine, or for another: what of KubeArmor is on this one is told. */
async function filePolicies(name: string, io: Io): Promise<LoadedPolicy[] | undefined> {
  const traces = await io.kubeArmorTraces(BPFFS);
  for (const { problem, cure } of traceRemarks(traces)) io.err(`karmor migrate: this machine: ${problem}: ${cure}`);
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
  const telling = { say, signal: io.signal };
  for (const object of (await listKnown(api, CONFIGS, {}, io.signal)) ?? []) {
    for (const { at, problem, cure } of readConfig(object).issues)
      say(`KubeArmorConfig ${object.metadata.namespace}/${object.metadata.name}: ${at}: ${problem} (${cure})`);
  }
  await tellWhatRuns(cluster, flags.text('kubearmorNamespace'), telling);
  await tellEnforcers(cluster, telling);
  const found = await findInstallation(cluster, flags.text('kubearmorNamespace'), io.signal).catch((error: unknown) => {
    if (error instanceof KubeArmorError && error.code === 'NOT_SUPPORTED') return undefined;
    throw error;
  });
  if (found === undefined) say('no pod of KubeArmor runs in this cluster');
  else await tellAgents(cluster, found.namespace, telling);
}

async function tellAgents({ api }: ClusterPort, namespace: string, { say, signal }: Parameters<typeof tellEnforcers>[1]): Promise<void> {
  const pods = await api.list(CORE.pods, { namespace, labelSelector: `${LABELS.app}=${NAMES.agent}` }, signal);
  const reports = await listKnown(api, NODE_REPORTS, {}, signal);
  const isOurs = (reports ?? []).length > 0;
  if (pods.length > 0 && !isOurs)
    say(
      `KubeArmor’s own agents run in ${pods.length} ${pods.length === 1 ? 'pod' : 'pods'} in ${namespace} (${imagesOf(pods).join(', ')}): end them before ours enforce; see the guide`,
    );
  const config = await api.get(CORE.configMaps, { name: NAMES.configMap, namespace }, signal);
  const untracked = textsOf(config?.['data'])['untrackedNs'];
  if (untracked !== undefined)
    say(`the ConfigMap ${namespace}/${NAMES.configMap} has untrackedNs=${untracked}: policies count there only where it is changed`);
}
