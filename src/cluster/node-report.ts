// SPDX-License-Identifier: Apache-2.0

/** Bounds of a node's report: it stays a small object whatever policies and nodes do. */
export const REPORT_LIMITS = { reasonsPerPolicy: 8, problemsPerNode: 20, lacksPerNode: 40, textBytes: 256 } as const;

/** How long after its last renewal a node's Lease is believed. */
export const FRESH_MS = 60_000;
export const RENEW_MS = 15_000;

/** Code of a reason of `Pending`: nothing of the policy can be tried on this node, now or later. */
export const LOADED_NOT_PROVEN = 'LoadedNotProven';
/** Code of a reason of `Enforced`: this rule is loaded with those that were tried, and no canary can try it. */
export const RULE_NOT_TRIED = 'RuleNotTried';

/** Why a policy is not, or not wholly, in force on a node, or not proven to be. */
export interface PolicyReason {
  /** From a fixed list, like `RuleNotEnforced`, `Refused`, `CanaryFailed`, `NotLoaded`, `LoadedNotProven`. */
  readonly code: string;
  /** Field path of the rule; absent where the whole policy is meant. */
  readonly rule?: string;
  readonly message: string;
}

/** What came of one policy on one node. */
export interface PolicyReport {
  /** `metadata.generation` that this is about. */
  readonly generation: number;
  /** Workloads on this node that it selects; absent: none. */
  readonly workloads?: number;
  /**
   * Absent: `Enforced`.
   * `Degraded`: in force but for some rules · `Refused`: not in force, the last good generation is (`inForce`) ·
   * `Failed`: a proof failed, or what was in force is gone · `Pending`: not proven yet, or with `LoadedNotProven` among its reasons not to be
   * proven here (no state of its own, so that a controller of another version never takes it for enforced).
   */
  readonly state?: 'Enforced' | 'Degraded' | 'Refused' | 'Failed' | 'Pending';
  /** The generation in force where it is not `generation`; 0: none. */
  readonly inForce?: number;
  readonly reasons?: readonly PolicyReason[];
  /** Reasons beyond those told. */
  readonly more?: number;
}

/** Something about a node that its operator should know. */
export interface NodeProblem {
  readonly problem: string;
  readonly cure: string;
}

/** `status` of a KubeArmorNode. */
export interface NodeReport {
  readonly agent: { readonly version: string; readonly startedAt: string };
  readonly node: {
    readonly kernel: string;
    readonly osImage: string;
    readonly architecture: string;
    /** As the runtime calls itself with its version; empty: none found. */
    readonly runtime: string;
    readonly enforcer: string;
    /** Active security modules in their order. */
    readonly lsm: readonly string[];
  };
  readonly state: 'enforcing' | 'degraded';
  readonly problems?: readonly NodeProblem[];
  /** What no policy can have on this node, by construct. */
  readonly lacks?: readonly { readonly construct: string; readonly reason: string }[];
  /** Since when every image is proven, each within the last minute (absent: not now), how many there are, and how many failed. */
  readonly proof?: { readonly since?: string; readonly images: number; readonly failed: number };
  /** By `ksp/NAMESPACE/NAME`, `csp/NAME`, `hsp/NAME`, `nsp/NAME`. */
  readonly policies?: Readonly<Record<string, PolicyReport>>;
}
