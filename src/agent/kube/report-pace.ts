// SPDX-License-Identifier: Apache-2.0

/** Reports that may follow each other as soon as there is something to say: of a policy that comes, that it is there and that it is proven. */
const AT_ONCE = 4;
/** The API server decodes, checks and stores the whole report whatever changed of it: some 40 µs a policy and node. */
const MS_A_POLICY = 10;
/** Shorter than a Lease is renewed, so that a node that always has something to say stays alive. */
const COST_MAX_MS = 12_000;

/**
 * How often a node's report may be written: some at once, then the more seldom the more policies it has (1,000: every 10 s), so that the
 * nodes of a cluster under a thousand new policies leave the API server time for others.
 */
export class ReportPace {
  /** When all reports so far are paid for. */
  #paidMs = Number.NEGATIVE_INFINITY;

  mayWrite(nowMs: number, policies: number): boolean {
    return this.#paidMs - nowMs <= (AT_ONCE - 1) * costOf(policies);
  }

  wrote(nowMs: number, policies: number): void {
    this.#paidMs = Math.max(this.#paidMs, nowMs) + costOf(policies);
  }
}

const costOf = (policies: number): number => Math.min(COST_MAX_MS, policies * MS_A_POLICY);
