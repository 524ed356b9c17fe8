// SPDX-License-Identifier: Apache-2.0
import type { AgentFile } from './ports.ts';

/** What the agent says of itself beside the RPCs. */
export const AGENT_DETAIL_PATH = '/run/kubearmor/probe.json';
/** KubeArmor's own form of it; written by its agent and ours. */
export const KUBEARMOR_PROBE_PATH = '/tmp/karmorProbeData.cfg';

export interface Reason {
  readonly problem: string;
  readonly cure: string;
}

/** Family → posture, like `file` → `audit`. */
export type PostureTable = Readonly<Record<string, string>>;

export interface AgentDetail {
  readonly version?: string | undefined;
  /** The enforcer's name as the agent writes it; undefined where there is none. */
  readonly enforcer?: string | undefined;
  /** `enforcing`, `audit-only` or `degraded`, where the agent says it. */
  readonly status?: string | undefined;
  readonly reasons: readonly Reason[];
  readonly containerPosture?: PostureTable | undefined;
  readonly hostPosture?: PostureTable | undefined;
  readonly containerRuntime?: string | undefined;
  /** Rule sets in the kernel, and bytes of all maps there. */
  readonly images?: number | undefined;
  readonly mapBytes?: number | undefined;
  /** What happens to containers that start while no agent is there, in words. */
  readonly startGate?: string | undefined;
  /** What is proven by canaries, in words. */
  readonly proof?: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const countOf = (value: unknown): number | undefined => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined);

function posturesOf(value: unknown): PostureTable | undefined {
  const entries = Object.entries(fieldsOf(value)).filter((entry): entry is [string, string] => textOf(entry[1]) !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function reasonOf(value: unknown): Reason[] {
  const text = textOf(value);
  if (text !== undefined) return [{ problem: text, cure: '' }];
  const fields = fieldsOf(value);
  const problem = textOf(fields['problem']) ?? textOf(fields['reason']);
  return problem === undefined ? [] : [{ problem, cure: textOf(fields['cure']) ?? '' }];
}

/** Reads `probe.json` as far as it can be understood: a field of another type counts as absent. */
export function parseAgentDetail(file: AgentFile): AgentDetail | undefined {
  if (!('json' in file)) return undefined;
  const fields = fieldsOf(file.json);
  const postures = fieldsOf(fields['postures']);
  const reasons = Array.isArray(fields['reasons']) ? (fields['reasons'] as unknown[]) : [];
  return {
    version: textOf(fields['version']),
    enforcer: textOf(fields['enforcer']),
    status: textOf(fields['status'])?.toLowerCase(),
    reasons: reasons.flatMap(reasonOf),
    containerPosture: posturesOf(postures['container']) ?? posturesOf(postures),
    hostPosture: posturesOf(postures['host']),
    containerRuntime: textOf(fields['containerRuntime']),
    images: countOf(fieldsOf(fields['usage'])['images']),
    mapBytes: countOf(fieldsOf(fields['usage'])['mapBytes']),
    startGate: textOf(fields['startGate']),
    proof: textOf(fields['proof']),
  };
}

/** Reads KubeArmor's probe file. @source reference: KubeArmor's `karmorProbeData.cfg`, JSON with PascalCase keys */
export function parseKubeArmorProbe(file: AgentFile): AgentDetail | undefined {
  if (!('json' in file)) return undefined;
  const fields = fieldsOf(file.json);
  return {
    enforcer: textOf(fields['ActiveLSM']),
    reasons: [],
    containerPosture: posturesOf(fields['ContainerDefaultPosture']),
    hostPosture: posturesOf(fields['HostDefaultPosture']),
    containerRuntime: textOf(fields['ContainerRuntime']),
  };
}
