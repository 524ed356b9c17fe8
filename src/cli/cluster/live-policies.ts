// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { boundedText, fieldOf, listOf, POLICY_KINDS, policyRef, readConditions, REPORT_LIMITS, STATUS_LIMITS, textOf } from '#cluster';
import type { Condition, NodeReason } from '#cluster';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import type { PolicyKind } from '#policy';
import { lastWrite } from './last-write.ts';
import type { LastWrite } from './last-write.ts';

/**
 * What a policy comes to, in one word: `refused` cannot be honoured · `unknown` nobody says it lately, or at all ·
 * `pending` not looked at yet as it is now · `idle` in force, and nothing is selected.
 */
export type Effect = 'enforced' | 'idle' | 'degraded' | 'not enforced' | 'pending' | 'unknown' | 'refused';

/** A policy of the API server, and what its status says. */
export interface LivePolicy {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
  /** `ksp/shop/web`. */
  readonly ref: string;
  readonly generation: number;
  readonly effect: Effect;
  /** Why, where it is not simply enforced. */
  readonly why: string;
  readonly conditions: readonly Condition[];
  readonly workloads: number;
  readonly nodes: number;
  readonly enforcedNodes: number;
  readonly nodeReasons: readonly NodeReason[];
  /** Who wrote its specification last, where the server says it. */
  readonly changed: LastWrite | undefined;
  readonly object: KubeObject;
}

/** The worst first; what is in force and what has nothing to do are equally well. */
const EFFECT_ORDER: readonly (readonly Effect[])[] = [
  ['refused'],
  ['not enforced'],
  ['degraded'],
  ['unknown'],
  ['pending'],
  ['enforced', 'idle'],
];
const rankOf = (effect: Effect): number => EFFECT_ORDER.findIndex((effects) => effects.includes(effect));

/** For sorting. */
export const worstEffectFirst = (a: LivePolicy, b: LivePolicy): number => rankOf(a.effect) - rankOf(b.effect);

const KINDS = Object.entries(POLICY_KINDS) as readonly (readonly [PolicyKind, Kind])[];

/** Objects of a kind; undefined where the server does not know the kind. */
export async function listKnown(
  api: KubeApi,
  kind: Kind,
  selection: Parameters<KubeApi['list']>[1],
  signal: AbortSignal,
): Promise<readonly KubeObject[] | undefined> {
  try {
    return await api.list(kind, selection, signal);
  } catch (error) {
    if (error instanceof KubeArmorError && error.context['status'] === 404) return undefined;
    throw error;
  }
}

/**
 * Every policy of the cluster, in order of kind, namespace and name.
 *
 * @param namespace of KubeArmorPolicies alone then
 * @throws {KubeArmorError} as `KubeApi`; `NOT_SUPPORTED` where the cluster knows no kind of policy
 */
export async function listPolicies(api: KubeApi, namespace: string | undefined, signal: AbortSignal): Promise<LivePolicy[]> {
  const kinds = namespace === undefined ? KINDS : KINDS.filter(([, { namespaced }]) => namespaced);
  const selection = { managedFields: true, ...(namespace === undefined ? {} : { namespace }) };
  const lists = await Promise.all(
    kinds.map(async ([kind, k8sKind]) => ({ kind, objects: await listKnown(api, k8sKind, selection, signal) })),
  );
  if (lists.every(({ objects }) => objects === undefined)) {
    throw new KubeArmorError('NOT_SUPPORTED', 'listing policies: this cluster does not know KubeArmor’s kinds: is it installed?');
  }
  const all = lists.flatMap(({ kind, objects = [] }) => objects.map((object) => livePolicy(kind, object)));
  return all.toSorted((a, b) => (a.kind === b.kind ? (a.ref < b.ref ? -1 : 1) : 0));
}

export function livePolicy(kind: PolicyKind, object: KubeObject): LivePolicy {
  const { name, namespace = '', generation = 0 } = object.metadata;
  const status = object['status'];
  const { conditions } = readConditions(status);
  const nodeReasons = listOf(status, 'nodeReasons').slice(0, STATUS_LIMITS.nodeReasons).map(nodeReasonOf);
  return {
    kind,
    namespace,
    name,
    ref: policyRef({ kind, namespace, name }),
    generation,
    ...effectOf(conditions, generation),
    conditions,
    workloads: countOf(status, 'workloads'),
    nodes: countOf(status, 'nodes'),
    enforcedNodes: countOf(status, 'enforcedNodes'),
    nodeReasons,
    changed: lastWrite(object),
    object,
  };
}

function effectOf(conditions: readonly Condition[], generation: number): { readonly effect: Effect; readonly why: string } {
  const [accepted, enforced, degraded] = (['Accepted', 'Enforced', 'Degraded'] as const).map((type) =>
    conditions.find((one) => one.type === type),
  );
  if (accepted === undefined || enforced === undefined) return { effect: 'unknown', why: 'it has no status: does the controller run?' };
  if (accepted.status === 'False') {
    return { effect: 'refused', why: [accepted.message, ...(enforced.status === 'True' ? [enforced.message] : [])].join('\n') };
  }
  if (accepted.observedGeneration !== generation) return { effect: 'pending', why: `generation ${generation} was not looked at yet` };
  if (degraded?.status === 'True') return { effect: 'degraded', why: degraded.message };
  if (enforced.status === 'True')
    return enforced.reason === 'NoWorkloads' ? { effect: 'idle', why: enforced.message } : { effect: 'enforced', why: '' };
  if (enforced.reason === 'Pending') return { effect: 'pending', why: enforced.message };
  return { effect: enforced.status === 'False' ? 'not enforced' : 'unknown', why: enforced.message };
}

const shortText = (value: unknown, field: string): string => boundedText(textOf(value, field) ?? '', REPORT_LIMITS.textBytes);
const nodeReasonOf = (value: unknown): NodeReason => ({
  node: shortText(value, 'node'),
  reason: shortText(value, 'reason'),
  message: shortText(value, 'message'),
});

function countOf(value: unknown, field: string): number {
  const count = fieldOf(value, field);
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : 0;
}
