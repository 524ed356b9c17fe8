// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, noLogger } from '#base';
import type { Logger } from '#base';
import { pauseMs } from './backoff.ts';
import type { Pauses } from './backoff.ts';

export interface WorkQueueOptions {
  /**
   * Brings one thing to what it should be; told only which, so that it looks at the newest state.
   *
   * A `KubeArmorError` is logged and the key comes again after a pause; any other error is a bug and ends `run`.
   */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  /** How many keys are worked on at the same time. Default 1. */
  readonly workers?: number;
  /** Of a key that fails, each after the last. Default 1 s to 5 min. */
  readonly pauses?: Pauses;
  readonly logger?: Logger;
}

/**
 * Keys that want work. A key that is added many times before its turn is worked on once; one that is added while it is being worked on
 * comes again; never are two at the same key.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { readonly timer: NodeJS.Timeout; readonly dueMs: number }>();
  /** Of workers without work. */
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait for their turn, not those of `addAfter`. */
  get length(): number {
    return this.#waiting.size;
  }

  /** This key wants work now. Its pause after a failure, if it has one, is over. */
  add(key: string): void {
    this.#cancel(key);
    if (this.#working.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#wakeAll();
  }

  /** This key wants work after a while, or earlier if an earlier time was asked for before. */
  addAfter(key: string, ms: number): void {
    const dueMs = performance.now() + ms;
    const before = this.#timers.get(key);
    if (before !== undefined && before.dueMs <= dueMs) return;
    this.#cancel(key);
    this.#timers.set(key, { timer: setTimeout(() => this.add(key), ms), dueMs });
  }

  /**
   * Works until aborted, then waits for the work that has begun.
   *
   * @throws what `work` throws, if that is no `KubeArmorError`
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const end = (): void => {
      stop.abort();
      this.#wakeAll();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const workers = Array.from({ length: this.#options.workers ?? 1 }, () => this.#workOn(stop.signal).finally(end));
      await Promise.allSettled(workers);
      await Promise.all(workers); // throws what one of them threw, now that the others are done too
    } finally {
      signal.removeEventListener('abort', end);
      for (const key of this.#timers.keys()) this.#cancel(key);
    }
  }

  #wakeAll(): void {
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #workOn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [key] = this.#waiting;
      if (key === undefined) {
        await new Promise<void>((resolve) => this.#idle.push(resolve));
        continue;
      }
      this.#waiting.delete(key);
      this.#working.add(key);
      try {
        await this.#options.work(key, signal);
        this.#failures.delete(key);
      } catch (error) {
        this.#failed(key, error, signal);
      } finally {
        this.#working.delete(key);
      }
      if (this.#again.delete(key)) this.add(key);
    }
  }

  #failed(key: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    if (!(error instanceof KubeArmorError)) throw error;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const ms = pauseMs(this.#options.pauses ?? { firstMs: 1_000, maxMs: 300_000 }, failures);
    (this.#options.logger ?? noLogger).warn(error.message, { key, code: error.code, failures, againInMs: Math.round(ms) });
    this.addAfter(key, ms);
  }

  #cancel(key: string): void {
    clearTimeout(this.#timers.get(key)?.timer);
    this.#timers.delete(key);
  }
}
