// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { boundedText, fieldOf, NODE_REPORTS, textOf } from '#cluster';
import type { Io } from '../io.ts';
import type { ClusterAsked } from './cluster-port.ts';
import { listKnown } from './live-policies.ts';

/** Which versions agents report, or why that is not known. */
export type AgentVersions =
  | { readonly versions: readonly { readonly version: string; readonly nodes: number }[] }
  | { readonly why: string };

/** From what agents report of themselves. Never throws for what the cluster says: a version is worth no failure. */
export async function agentVersions(asked: ClusterAsked, io: Io): Promise<AgentVersions> {
  try {
    using cluster = await io.cluster(asked);
    const reports = (await listKnown(cluster.api, NODE_REPORTS, {}, io.signal)) ?? [];
    const found = reports.map(({ status }) => boundedText(textOf(fieldOf(status, 'agent'), 'version') ?? 'unknown', 64));
    const versions = [...Map.groupBy(found, (version) => version)].map(([version, same]) => ({ version, nodes: same.length }));
    return { versions: versions.toSorted((a, b) => (a.version < b.version ? -1 : 1)) };
  } catch (error) {
    if (!(error instanceof KubeArmorError)) throw error;
    return { why: error.message };
  }
}
