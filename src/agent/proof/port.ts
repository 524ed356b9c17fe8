// SPDX-License-Identifier: Apache-2.0

/**
 * What a canary says of a policy on this node.
 *
 * `Proven`: every image in force that has its rules did what they say, less than a minute ago · `Failed`: one did not, or what was in
 * force was changed by somebody else; stays so until a canary that began after the repair passed · `Pending`: not proven yet, or not
 * lately, or a canary cannot run here · `Unprobed`: none of its rules can be tried (`unprobed` says why); the images that have them are
 * proven by other rules · `Idle`: no workload is under its rules · `Off`: the setting `proofEvery` is 0.
 */
export type ProofState = 'Proven' | 'Failed' | 'Pending' | 'Unprobed' | 'Idle' | 'Off';

/** Why a policy is not proven. `code` is from a fixed list, as reasons of a node's report are. */
export interface ProofReason {
  readonly code: 'CanaryFailed' | 'CanaryCannotRun' | 'Tampered' | 'NotProvenYet';
  /** Field path of the rule; absent where the whole policy is meant. */
  readonly field?: string;
  /** What happened, in one line: the access, what had to come of it, what came. */
  readonly message: string;
}

/** A rule of which no canary can say anything. */
export interface Unprobed {
  readonly field: string;
  readonly reason: string;
}

export interface PolicyProof {
  readonly state: ProofState;
  /** When the oldest of its images' proofs was; milliseconds since 1970. Undefined where one was never proven. */
  readonly provenAt: number | undefined;
  /** Empty for `Proven`, `Unprobed`, `Idle` and `Off`; eight at most. */
  readonly reasons: readonly ProofReason[];
  /** Rules of it that no canary tries: they are loaded with the proven ones, no more is said of them. */
  readonly unprobed: readonly Unprobed[];
}

/** All images of this node. */
export interface ProofSummary {
  readonly state: Exclude<ProofState, 'Unprobed'>;
  /** When the oldest of all images' proofs was; milliseconds since 1970. Undefined without images, or where one was never proven. */
  readonly provenAt: number | undefined;
  /** Distinct images in force, and those of them whose last canary failed. */
  readonly images: number;
  readonly failed: number;
  /** Why no canary can run here, or what failed, for people; the first eight. */
  readonly problems: readonly string[];
}

/** What is proven on this node, for whoever reports it. */
export interface Proofs {
  /** @param policyKey as `policyKey()` of policy-identity.ts makes it */
  stateOf(policyKey: string): PolicyProof;
  summary(): ProofSummary;
  /** Calls back when a state changed, also when one became too old. Gives what ends that. */
  onChange(listener: () => void): () => void;
}

/** For how long a proof is believed. */
export const PROOF_FRESH_MS = 60_000;
