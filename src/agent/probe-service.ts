// SPDX-License-Identifier: Apache-2.0
import { grpcService } from '#grpc';
import type { GrpcService } from '#grpc';
import type { LabelExpression, Policy, WorkloadMode } from '#policy';
import { ProbeService } from '#wire';
import type { StoredPolicy } from './policy-store.ts';
import type { WorkloadStatus } from './protector.ts';

/** `ContainerData.policyEnabled`. @source KubeArmor's protobuf/policy.proto */
const ENABLED: { readonly [K in WorkloadMode]: number } = { disabled: 0, enabled: 1, audited: 2 };

interface PolicyData {
  policyList: string[];
  policyDataList: { policy: Uint8Array }[];
}
interface ProbeData {
  containerList: string[];
  containerMap: Record<string, PolicyData & { policyEnabled: number }>;
  hostMap: Record<string, PolicyData>;
  networkMap: Record<string, PolicyData>;
}

/** `policy.ProbeService`: which policies are in force where. */
export function probeService(workloads: () => readonly WorkloadStatus[], policies: () => readonly StoredPolicy[]): GrpcService {
  return grpcService(ProbeService, { getProbeData: () => probeData(workloads(), policies()) });
}

/**
 * What `getProbeData` answers. Pure.
 *
 * Containers are named as KubeArmor names their end points. A policy that selects none that runs stands under the names, or the
 * labels, of those it waits for.
 */
export function probeData(workloads: readonly WorkloadStatus[], policies: readonly StoredPolicy[]): ProbeData {
  const containerMap: ProbeData['containerMap'] = Object.create(null) as ProbeData['containerMap'];
  const containers = workloads.filter(({ workload }) => workload.kind === 'container');
  const add = (name: string, policy: Policy | undefined, enabled: number): void => {
    const entry = (containerMap[name] ??= { policyList: [], policyEnabled: enabled, policyDataList: [] });
    if (policy === undefined || entry.policyList.includes(policy.name)) return;
    entry.policyList.push(policy.name);
    entry.policyDataList.push({ policy: dataOf(policy) });
  };
  for (const { workload, policies: inForce } of containers) {
    const name = workload.podName || workload.containerName;
    add(name, undefined, ENABLED[workload.mode]);
    for (const policy of inForce) add(name, policy, ENABLED[workload.mode]);
  }
  const hostMap: ProbeData['hostMap'] = Object.create(null) as ProbeData['hostMap'];
  for (const { workload, policies: inForce } of workloads) {
    if (workload.kind === 'container') continue;
    const policyList = inForce.map(({ name }) => name);
    hostMap[workload.labels['kubernetes.io/hostname'] ?? 'host'] = {
      policyList,
      policyDataList: inForce.map((policy) => ({ policy: dataOf(policy) })),
    };
  }
  const selecting = new Set(workloads.flatMap((status) => status.policies));
  for (const { policy } of policies)
    if (policy.selector.target === 'workload' && !selecting.has(policy))
      for (const name of waitedFor(policy)) add(name, policy, ENABLED.enabled);
  return {
    containerList: containers.map(({ workload }) => workload.containerName || workload.podName),
    containerMap,
    hostMap,
    networkMap: {},
  };
}

function waitedFor({ selector }: Policy): readonly string[] {
  if (selector.containerNames.length > 0) return selector.containerNames;
  const labels = Object.entries(selector.matchLabels).map(([key, value]) => `${key}=${value}`);
  const wanted = [...labels, ...selector.matchExpressions.map(expressionText)];
  return [wanted.length === 0 ? '*' : wanted.join(',')];
}

function expressionText(expression: LabelExpression): string {
  const { kind, operator } = expression;
  const values = expression.values.join('|');
  if (kind === 'labelPair') return operator === 'In' ? values : `!(${values})`;
  const key = kind === 'namespace' ? kind : expression.key;
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  return `${key}${operator === 'In' ? '=' : '!='}${values}`;
}

/** In KubeArmor's shape: metadata with these two names, and the specification. */
function dataOf({ namespace, name, document }: Policy): Uint8Array {
  const { spec } = document as { spec?: unknown };
  return new TextEncoder().encode(JSON.stringify({ metadata: { namespaceName: namespace, policyName: name }, spec }));
}
