// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import { POLICY_KINDS, policyRef, fieldOf, textOf } from '#cluster';
import type { KubeObject, WatchChange } from '#k8s';
import { nodeSelected, parsePolicyObject, selects } from '#policy';
import type { Policy, PolicyKind, Workload } from '#policy';
import type { PolicyJudge } from '../policy-judge.ts';
import { keyOf, takeIn } from './table.ts';
import type { Table } from './table.ts';

/** A policy of the API server: what it is now, and what of it counts. */
export interface KnownPolicy {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** `metadata.generation` of what the server has now. */
  readonly generation: number;
  /** Why that is refused; empty: it counts. */
  readonly issues: readonly Issue[];
  /** What counts: the last good generation of this very object. */
  readonly good: { readonly policy: Policy; readonly generation: number } | undefined;
}

/** A policy as it is kept over restarts of the agent: what was good last. */
export interface KeptPolicy {
  readonly uid: string;
  readonly generation: number;
  readonly document: unknown;
}

const KINDS: readonly PolicyKind[] = ['KubeArmorPolicy', 'KubeArmorClusterPolicy', 'KubeArmorHostPolicy', 'KubeArmorNetworkPolicy'];

/** All policies of the cluster. One that is refused counts as it was last good, as long as it is the same object (by its UID). */
export class ClusterPolicies {
  readonly #tables: { readonly [K in PolicyKind]: Table<KnownPolicy> } = {
    KubeArmorPolicy: new Map(),
    KubeArmorClusterPolicy: new Map(),
    KubeArmorHostPolicy: new Map(),
    KubeArmorNetworkPolicy: new Map(),
  };
  readonly #judge: PolicyJudge;

  constructor(judge: PolicyJudge) {
    this.#judge = judge;
  }

  /** @returns what is no longer as it was */
  take(kind: PolicyKind, change: WatchChange): readonly (KnownPolicy | undefined)[] {
    const table = this.#tables[kind];
    const touched = takeIn(table, change, (object, before) => this.#read(kind, object, before));
    return [...touched.keys()].map((key) => table.get(key));
  }

  list(): readonly KnownPolicy[] {
    return KINDS.flatMap((kind) => [...this.#tables[kind].values()]);
  }

  /** What counts and is switched on. */
  active(): readonly Policy[] {
    return this.list().flatMap(({ good }) => (good === undefined || !this.#judge.isOn(good.policy) ? [] : [good.policy]));
  }

  kept(): readonly KeptPolicy[] {
    return this.list().flatMap(({ uid, good }) =>
      good === undefined ? [] : [{ uid, generation: good.generation, document: good.policy.document }],
    );
  }

  /** Policies that were good before this agent. */
  load(kept: readonly KeptPolicy[]): void {
    for (const { uid, generation, document } of kept) {
      const kind = KINDS.find((known) => known === textOf(document, 'kind'));
      const { name, namespace } = namesOf(fieldOf(document, 'metadata'));
      if (kind === undefined) continue;
      const object = { ...(document as KubeObject), metadata: { name, ...(namespace === '' ? {} : { namespace }), uid, generation } };
      this.#tables[kind].set(keyOf(object), this.#read(kind, object, undefined));
    }
  }

  #read(kind: PolicyKind, object: KubeObject, before: KnownPolicy | undefined): KnownPolicy {
    const { uid = '', generation = 0 } = object.metadata;
    if (before?.uid === uid && before.generation === generation) return before; // status and labels count for nothing here
    const { name, namespace } = namesOf(object.metadata);
    const { policy, issues } = this.#judged(kind, object);
    const last = before?.uid === uid ? before.good : undefined;
    const good = policy === undefined ? last : { policy, generation };
    return { kind, namespace, name, uid, generation, issues: policy === undefined ? issues : [], good };
  }

  #judged(kind: PolicyKind, object: KubeObject): { readonly policy?: Policy; readonly issues: readonly Issue[] } {
    const { name, namespace } = namesOf(object.metadata);
    const { group, version, namespaced } = POLICY_KINDS[kind];
    const metadata = namespaced ? { namespace, name } : { name };
    const document = { apiVersion: `${group}/${version}`, kind, metadata, spec: object['spec'] };
    const { policy, issues } = parsePolicyObject(document, { kind });
    if (policy === undefined) return { issues: issues.filter(({ severity }) => severity === 'error') };
    const beyond = this.#judge.beyondLimit(policy);
    if (beyond === undefined) return { policy, issues };
    return { issues: [{ severity: 'error', code: 'LIMIT_EXCEEDED', at: 'spec', problem: beyond, cure: 'split or shorten it' }] };
  }
}

const namesOf = (metadata: unknown): { readonly name: string; readonly namespace: string } => ({
  name: textOf(metadata, 'name') ?? '',
  namespace: textOf(metadata, 'namespace') ?? '',
});

export const refOf = (policy: Pick<KnownPolicy, 'kind' | 'namespace' | 'name'>): string => policyRef(policy);

/**
 * Whether a policy governs a container, or the host, of a cluster's node. A container of no pod is in the namespace `container_namespace`,
 * which no policy and no pod can have: policies of all namespaces govern it.
 */
export function selectsInCluster(policy: Policy, workload: Workload): boolean {
  return workload.kind === 'host' ? policy.kind === 'KubeArmorHostPolicy' && selects(policy, workload) : selects(policy, workload);
}

/** Whether a policy for nodes means this one. */
export const meansNode = (policy: Policy, name: string, labels: Readonly<Record<string, string>>): boolean =>
  nodeSelected(policy, { name, labels });
