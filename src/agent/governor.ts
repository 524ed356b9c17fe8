// SPDX-License-Identifier: Apache-2.0
import type { BoundWorkload, Workloads, WorkloadSettings } from '#workloads';
import type { AgentConfig } from './config.ts';
import type { Remark } from './node-status.ts';
import type { KeeperStatus } from './policy-keeper.ts';
import type { PolicyAnswers } from './policy-requests.ts';
import type { StoredPolicy } from './policy-store.ts';
import type { Selects } from './protector.ts';

/** What a governor works with, once it is at work. */
export interface Ground {
  readonly workloads: Workloads;
  /** What is wrong with the node beside what the governor knows. */
  readonly remarks: () => readonly Remark[];
  /** What the governor says of the host may be different: it is asked again. */
  readonly onHostChange: () => void;
  /** More may be known of pods whose containers wait to be bound. */
  readonly onMoreKnown: () => void;
  /** What there is is bound: from then on it can be said what is in force. */
  readonly bound: Promise<void>;
  /** A loop that goes on until the signal aborts; if it fails the agent ends. */
  readonly run: (loop: Promise<void>) => void;
  /** Rejects when such a loop failed. */
  readonly failed: Promise<never>;
  readonly signal: AbortSignal;
}

/** Who says which policies, modes and postures count on this node: the folder and the RPC, or the API server. */
export interface Governor {
  /** As configured now: some of it may change while the agent runs. */
  readonly config: AgentConfig;
  readonly workloadSettings: WorkloadSettings;
  readonly selects: Selects;
  /** Who answers the policy RPC. */
  readonly answers: PolicyAnswers;
  /** The host, as a workload. */
  host(): BoundWorkload;
  /** Whether all that counts for a container is known, or will not be known soon. */
  isKnown(bound: BoundWorkload): boolean;
  /**
   * Puts policies in force, before anything is bound, and follows what changes.
   *
   * @throws {KubeArmorError} where it cannot be known which policies count
   */
  start(ground: Ground): Promise<void>;
  status(): KeeperStatus;
  policies(): readonly StoredPolicy[];
  remarks(): readonly Remark[];
}
