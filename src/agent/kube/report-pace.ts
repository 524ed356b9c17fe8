// SPDX-License-Identifier: Apache-2.0

/** Reports that may follow each other as soon as there is something to say: of a policy that comes, that it is there and that it is proven. */
const AT_ONCE = 4;
/** The API server decodes, checks and stores the whole report whatever changed of it: some 40 µs a policy, and that of every node. */
const MS_A_POLICY = 10;
/** Of a node's time it waits for the API server at most one part in so many: of a hundred nodes, five wait at the same time. */
const REST_FACTOR = 20;
/** Shorter than a Lease is renewed, so that a node that always has something to say stays alive. */
const COST_MAX_MS = 12_000;

/**
 * How often a node's report may be written: some at once, then the more seldom the more policies it has (1,000: every 10 s) and the longer
 * the API server takes, so that the nodes of a cluster under a thousand new policies leave it time for others.
 */
export class ReportPace {
  /** What the last one cost. */
  #costMs = 0;
  /** When all reports so far are paid for. */
  #paidMs = Number.NEGATIVE_INFINITY;

  mayWrite(nowMs: number): boolean {
    return this.#paidMs - nowMs <= (AT_ONCE - 1) * this.#costMs;
  }

  /** @param tookMs until it was answered, whatever the answer was */
  wrote(nowMs: number, policies: number, tookMs: number): void {
    this.#costMs = Math.min(COST_MAX_MS, Math.max(policies * MS_A_POLICY, tookMs * REST_FACTOR));
    this.#paidMs = Math.max(this.#paidMs, nowMs) + this.#costMs;
  }
}
