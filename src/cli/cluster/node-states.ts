// SPDX-License-Identifier: Apache-2.0
import { boundedText, CORE, FRESH_MS, listOf, NODE_REPORTS, nodeLeaseName, fieldOf, readNodeReport, REPORT_LIMITS, textOf } from '#cluster';
import type { ReportedNode } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import type { Reason } from '../agent-detail.ts';
import { listKnown } from './live-policies.ts';

/** A node as KubeArmor and Kubernetes know it. */
export interface NodeState {
  readonly name: string;
  /** Absent: no agent has ever reported of it. */
  readonly report?: ReportedNode & NodeFacts;
  /** Since its agent's last word, in seconds, by this machine's clock; absent: no word, or it may not be read. */
  readonly wordAgeSeconds?: number | undefined;
  readonly isFresh: boolean;
  /** Takes ordinary pods. */
  readonly isSchedulable: boolean;
  /** `kubeletVersion` and such, as Kubernetes has them. */
  readonly info: Readonly<Record<'kubelet' | 'runtime' | 'kernel' | 'osImage', string>>;
}

interface NodeFacts {
  readonly agentVersion: string;
  readonly kernel: string;
  readonly osImage: string;
  readonly runtime: string;
  readonly enforcer: string;
  readonly lsm: readonly string[];
  readonly problems: readonly Reason[];
  readonly proof: { readonly since: string; readonly images: number; readonly failed: number } | undefined;
}

/** Something that could not be read, and is told instead of guessed. */
export type Note = (problem: string, cure: string) => void;

/**
 * Every node that Kubernetes or KubeArmor knows, by name.
 *
 * @returns undefined where the cluster does not know our reports
 */
export async function readNodes(
  api: KubeApi,
  { namespace, wallMs, signal, optional }: { namespace: string; wallMs: number; signal: AbortSignal; optional: Optional },
): Promise<NodeState[] | undefined> {
  const reports = await listKnown(api, NODE_REPORTS, {}, signal);
  if (reports === undefined) return undefined;
  const nodes = (await optional('the nodes', () => api.list(CORE.nodes, {}, signal))) ?? [];
  const leases = await optional('the agents’ Leases', () => api.list(CORE.leases, { namespace }, signal));
  const renewed = new Map((leases ?? []).map(({ metadata, ...lease }) => [metadata.name, textOf(lease['spec'], 'renewTime')]));
  const [reportOf, nodeOf] = [reports, nodes].map((all) => new Map(all.map((one) => [one.metadata.name, one])));
  return [...new Set([...(nodeOf?.keys() ?? []), ...(reportOf?.keys() ?? [])])].toSorted().map((name) => {
    const [report, node] = [reportOf?.get(name), nodeOf?.get(name)];
    const age = ageOf(renewed.get(nodeLeaseName(name)), wallMs);
    return {
      name,
      ...(report === undefined ? {} : { report: { ...readNodeReport(report['status']), ...factsOf(report['status']) } }),
      wordAgeSeconds: age === undefined ? undefined : Math.round(age / 1000),
      isFresh: leases === undefined || (age !== undefined && age < FRESH_MS),
      isSchedulable: node === undefined ? report !== undefined : isSchedulable(node),
      info: infoOf(node),
    };
  });
}

/** Runs a read that the user may not be allowed; what is refused is noted and left out. */
export type Optional = <T>(what: string, read: () => Promise<T>) => Promise<T | undefined>;

function ageOf(renewTime: string | undefined, wallMs: number): number | undefined {
  const renewedMs = Date.parse(renewTime ?? '');
  return Number.isNaN(renewedMs) ? undefined : Math.max(0, wallMs - renewedMs);
}

function isSchedulable(node: KubeObject): boolean {
  const taints = listOf(node['spec'], 'taints').map((taint) => textOf(taint, 'effect'));
  return !taints.some((effect) => effect === 'NoSchedule' || effect === 'NoExecute') && fieldOf(node['spec'], 'unschedulable') !== true;
}

const short = (value: unknown, field: string): string => boundedText(textOf(value, field) ?? '', REPORT_LIMITS.textBytes);
const countOf = (value: unknown, field: string): number => {
  const count = fieldOf(value, field);
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : 0;
};

function factsOf(status: unknown): NodeFacts {
  const node = fieldOf(status, 'node');
  const proof = fieldOf(status, 'proof');
  const problems = listOf(status, 'problems').slice(0, REPORT_LIMITS.problemsPerNode);
  return {
    agentVersion: short(fieldOf(status, 'agent'), 'version'),
    kernel: short(node, 'kernel'),
    osImage: short(node, 'osImage'),
    runtime: short(node, 'runtime'),
    enforcer: short(node, 'enforcer'),
    lsm: listOf(node, 'lsm')
      .slice(0, REPORT_LIMITS.problemsPerNode)
      .filter((name) => typeof name === 'string'),
    problems: problems.map((one) => ({ problem: short(one, 'problem'), cure: short(one, 'cure') })),
    proof:
      proof === undefined
        ? undefined
        : { since: short(proof, 'since'), images: countOf(proof, 'images'), failed: countOf(proof, 'failed') },
  };
}

function infoOf(node: KubeObject | undefined): NodeState['info'] {
  const info = fieldOf(node?.['status'], 'nodeInfo');
  return {
    kubelet: short(info, 'kubeletVersion'),
    runtime: short(info, 'containerRuntimeVersion'),
    kernel: short(info, 'kernelVersion'),
    osImage: short(info, 'osImage'),
  };
}
