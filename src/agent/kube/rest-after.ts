// SPDX-License-Identifier: Apache-2.0

/** Work that comes again and again takes one part of the time in so many: after it there is a rest as many times as long, up to a bound. */
export class RestAfter {
  readonly #factor: number;
  readonly #maxMs: number;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(factor: number, maxMs: number) {
    this.#factor = factor;
    this.#maxMs = maxMs;
  }

  worked(beganMs: number, endedMs: number): void {
    this.#untilMs = endedMs + Math.min(this.#maxMs, (endedMs - beganMs) * this.#factor);
  }

  /** Until it may begin again; 0: now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }
}
