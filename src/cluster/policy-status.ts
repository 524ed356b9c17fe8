// SPDX-License-Identifier: Apache-2.0

/** One thing that is known of an object, as Kubernetes' own conditions are. */
export interface Condition<Type extends string = PolicyConditionType> {
  readonly type: Type;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word in CamelCase, from a fixed list. */
  readonly reason: string;
  readonly message: string;
  /** `metadata.generation` that this is about. */
  readonly observedGeneration: number;
  /** When `status` last changed, RFC 3339. */
  readonly lastTransitionTime: string;
}

/**
 * `Accepted`: the document can be honoured · `Enforced`: it was seen in force wherever it selects a workload ·
 * `Degraded`: a rule of it is not enforced on some node.
 */
export type PolicyConditionType = 'Accepted' | 'Enforced' | 'Degraded';

/** `status` of every policy kind, as the controller writes it (ADR 23). */
export interface PolicyStatus {
  /** KubeArmor's own field; ours says in one word what the conditions say. */
  readonly status?: string;
  readonly observedGeneration?: number;
  /** One of a type. */
  readonly conditions: readonly Condition[];
  /** Workloads that it selects, on all nodes. */
  readonly workloads: number;
  /** Nodes that have workloads of it, and on how many of those it is enforced. */
  readonly nodes: number;
  readonly enforcedNodes: number;
  /** Of nodes where it is not, or not wholly, enforced: at most `STATUS_LIMITS.nodeReasons`. */
  readonly nodeReasons: readonly NodeReason[];
}

export interface NodeReason {
  readonly node: string;
  readonly reason: string;
  readonly message: string;
}

/** Bounds of a policy's status; texts have `REPORT_LIMITS.textBytes`, a condition's message has `messageBytes`. */
export const STATUS_LIMITS = { nodeReasons: 20, conditions: 8, messageBytes: 4096 } as const;
