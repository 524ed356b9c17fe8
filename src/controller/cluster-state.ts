// SPDX-License-Identifier: Apache-2.0
import { fieldsOf, LeaseAges, nodeLeaseName, POLICY_KINDS, policyRef, readNodeReport } from '#cluster';
import type { Moment, PolicyState, ReportedNode } from '#cluster';
import type { KubeObject, ObjectRef } from '#k8s';
import type { PolicyKind } from '#policy';
import { textOf } from './admission.ts';
import { KnownNodes } from './known-nodes.ts';
import type { CountedNodes } from './known-nodes.ts';
import type { NodesFacts, Problems } from './policy-review.ts';

/** A policy of the cluster, without its specification. */
export interface KnownPolicy {
  readonly kind: PolicyKind;
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly status: unknown;
}

/** What of the cluster changed for statuses: some policies, or all. */
export type Touched = readonly string[] | 'all';

/**
 * What the controller knows of the cluster: policies, what nodes report, and how lately. It does no I/O and looks at no clock; whoever
 * follows the API server tells it, and is told which statuses may be other ones now.
 */
export class ClusterState {
  readonly #policies = new Map<string, KnownPolicy>();
  readonly #problems = new Map<string, { readonly generation: number; readonly problems: Problems }>();
  readonly #reports = new Map<string, ReportedNode>();
  readonly #leases = new LeaseAges();
  readonly #nodes: KnownNodes;

  /** @param countedNodes which nodes without an agent keep policies from being called enforced */
  constructor(countedNodes: CountedNodes) {
    this.#nodes = new KnownNodes(countedNodes);
  }

  get nodes(): KnownNodes {
    return this.#nodes;
  }

  /** @returns whether its specification is one that was not seen before */
  putPolicy(kind: PolicyKind, object: KubeObject): { readonly ref: string; readonly isNew: boolean } {
    const { name, namespace, uid = '', generation = 0, resourceVersion = '' } = object.metadata;
    const ref = policyRef({ kind, namespace: namespace ?? '', name });
    const before = this.#policies.get(ref);
    const known = { kind, ref: POLICY_KINDS[kind].namespaced ? { name, namespace } : { name }, uid, generation, resourceVersion };
    this.#policies.set(ref, { ...known, status: object['status'] });
    const isNew = before?.uid !== uid || before.generation !== generation;
    if (isNew) this.#problems.delete(ref);
    return { ref, isNew };
  }

  removePolicy(ref: string): void {
    this.#policies.delete(ref);
    this.#problems.delete(ref);
  }

  policy(ref: string): KnownPolicy | undefined {
    return this.#policies.get(ref);
  }

  get refs(): readonly string[] {
    return [...this.#policies.keys()];
  }

  /** Of one kind: to find those that are gone. */
  refsOf(kind: PolicyKind): readonly string[] {
    return Array.from(this.#policies).flatMap(([ref, policy]) => (policy.kind === kind ? [ref] : []));
  }

  /** @returns whether that is still the policy's generation */
  putProblems(ref: string, generation: number, problems: Problems): boolean {
    if (this.#policies.get(ref)?.generation !== generation) return false;
    this.#problems.set(ref, { generation, problems });
    return true;
  }

  putReport(object: KubeObject): Touched {
    const before = this.#reports.get(object.metadata.name);
    const report = readNodeReport(object['status']);
    this.#reports.set(object.metadata.name, report);
    this.#nodes.setReporting(object.metadata.name, true);
    return before === undefined ? 'all' : differing(before, report);
  }

  removeReport(name: string): Touched {
    this.#nodes.setReporting(name, false);
    return this.#reports.delete(name) ? 'all' : [];
  }

  get reportNames(): readonly string[] {
    return [...this.#reports.keys()];
  }

  putLease(object: KubeObject, now: Moment, wasWatched: boolean): Touched {
    const { name } = object.metadata;
    const wasFresh = this.#leases.isFresh(name, now.steadyMs);
    this.#leases.observe(name, textOf(fieldsOf(object['spec'])['renewTime']), now, wasWatched);
    return wasFresh || !this.#leases.isFresh(name, now.steadyMs) ? [] : 'all';
  }

  removeLease(name: string): Touched {
    this.#leases.forget(name);
    return 'all';
  }

  get leaseNames(): readonly string[] {
    return this.#leases.names;
  }

  /** When time alone changes statuses next, by the steady clock. */
  nextChangeMs(steadyMs: number): number | undefined {
    const times = [this.#leases.nextStaleMs(steadyMs), this.#nodes.nextOverdueMs(steadyMs)].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Undefined where the policy is gone, or was not reviewed yet. */
  stateOf(ref: string, steadyMs: number): PolicyState | undefined {
    const policy = this.#policies.get(ref);
    const reviewed = this.#problems.get(ref);
    if (policy === undefined || reviewed?.generation !== policy.generation) return undefined;
    const nodes = Array.from(this.#reports)
      .filter(([name]) => this.#nodes.exists(name))
      .map(([name, { policies }]) => {
        const report = policies.get(ref);
        return { name, isFresh: this.#isFresh(name, steadyMs), ...(report === undefined ? {} : { report }) };
      });
    return {
      policy: { generation: policy.generation, problems: reviewed.problems },
      nodes,
      withoutAgent: this.#nodes.withoutAgent(steadyMs),
    };
  }

  /**
   * Why a pod would start unprotected on a node; undefined: it would not.
   *
   * A failed proof is a reason: what is loaded there does not do what it says, whosever rules showed it. That a report says `degraded` is
   * none: one rule of anybody's that the node cannot enforce makes it so, and nobody may close other namespaces by that.
   */
  unprotected(node: string, steadyMs: number): string | undefined {
    const report = this.#reports.get(node);
    if (report === undefined || !this.#nodes.exists(node)) return 'no agent reports of this node';
    if (!this.#isFresh(node, steadyMs)) return 'its agent has not said for a minute that its report holds';
    const { count, failed } = report.images;
    if (failed > 0) return `${failed} of its ${count} rule sets are found not to be in force as they must be`;
    return report.state === 'unknown' ? 'its report does not say whether it enforces' : undefined;
  }

  /** For reviews. */
  facts(steadyMs: number): NodesFacts {
    const fresh = Array.from(this.#reports).flatMap(([name, report]) => (this.#isFresh(name, steadyMs) ? [report] : []));
    const lacks = new Map<string, { construct: string; reason: string; nodes: number }>();
    for (const { construct, reason } of fresh.flatMap((report) => report.lacks)) {
      const known = lacks.get(construct) ?? { construct, reason, nodes: 0 };
      known.nodes++;
      lacks.set(construct, known);
    }
    return { reporting: fresh.length, lacks: [...lacks.values()], nodes: this.#nodes.labelled };
  }

  /** Nodes by what is known of their agents. */
  nodeCounts(steadyMs: number): ReadonlyMap<string, number> {
    const names = [...this.#reports.keys()].filter((name) => this.#nodes.exists(name));
    const fresh = names.filter((name) => this.#isFresh(name, steadyMs)).length;
    return new Map([
      ['fresh', fresh],
      ['silent', names.length - fresh],
      ['none', this.#nodes.count - names.length],
    ]);
  }

  /** Policies by the word of their status. */
  policyCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { status } of this.#policies.values()) {
      const word = textOf(fieldsOf(status)['status']).slice(0, 32) || 'none';
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    return counts;
  }

  #isFresh(node: string, steadyMs: number): boolean {
    return this.#leases.isFresh(nodeLeaseName(node), steadyMs);
  }
}

/** Policies of which two reports say different things. */
function differing(before: ReportedNode, after: ReportedNode): string[] {
  const refs = new Set([...before.policies.keys(), ...after.policies.keys()]);
  return [...refs].filter((ref) => JSON.stringify(before.policies.get(ref)) !== JSON.stringify(after.policies.get(ref)));
}
