// SPDX-License-Identifier: Apache-2.0
import { CORE } from '#cluster';
import { parsePolicyObject } from '#policy';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import type { Verdict } from '../probe-verdict.ts';
import { renderText } from '../text.ts';
import type { ClusterAsked, ClusterPort } from './cluster-port.ts';
import { matchPods } from './pod-match.ts';
import { clusterJson, kubeArmorProbeJson } from './probe-cluster-json.ts';
import { clusterText } from './probe-cluster-text.ts';
import { probeCluster } from './probe-cluster.ts';
import type { ClusterReport } from './probe-cluster.ts';

/** Probes and prints. @throws {KubeArmorError} where the cluster cannot be asked */
export async function runInCluster(asked: ClusterAsked, format: string, flags: Flags, io: Io): Promise<Verdict> {
  using cluster = await io.cluster(asked);
  const report = await probeCluster(cluster, flags.text('namespace'), io);
  if (format === 'json') await io.outJson(JSON.stringify(await clusterJsonOf(cluster, report, flags, io), undefined, 2));
  else {
    for (const line of clusterText(report, flags.isSet('full'))) await io.out(format === 'no-color' ? renderText(line, false) : line);
  }
  return report.verdict;
}

async function clusterJsonOf({ api }: ClusterPort, report: ClusterReport, flags: Flags, io: Io): Promise<object> {
  if (flags.text('format') !== 'json') return clusterJson(report);
  const policies = report.policies.flatMap(({ kind, object }) => parsePolicyObject(object, { kind }).policy ?? []);
  const matches = matchPods(policies, await api.list(CORE.pods, {}, io.signal));
  return kubeArmorProbeJson({ report, matches, namespaces: await api.list(CORE.namespaces, {}, io.signal) });
}
