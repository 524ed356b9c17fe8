// SPDX-License-Identifier: Apache-2.0
import type { NodeReport } from '#cluster';

/** What was seen of images that are in force: whether they deny what their rules deny (ADR 23). */
export interface Proof {
  /** For the report; undefined: nothing was proven. */
  readonly latest: NodeReport['proof'];
  /** Whether the report may be believed now: every image was proven within the last minute. */
  readonly isFresh: boolean;
  /** Why a workload's image is not proven; undefined: nothing speaks against it. @param key of the workload */
  failureOf(key: string): string | undefined;
}

/**
 * The one place that knows that nothing is proven yet: until the canaries are here `Enforced` in a report means that rules were compiled and
 * loaded, the report has no `proof`, and the Lease says only that the agent runs.
 */
export const NO_PROOF: Proof = { latest: undefined, isFresh: true, failureOf: () => undefined };
