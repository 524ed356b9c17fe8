// SPDX-License-Identifier: Apache-2.0
import type { BoundWorkload } from '#workloads';

export interface PodWaitOptions {
  /** Whether all that the cluster says of the container's pod is known, or cannot be known now. */
  readonly isKnown: (bound: BoundWorkload) => boolean;
  readonly bind: (bound: BoundWorkload) => void;
  /** For how long a start waits for its pod; then it is bound with what the runtime knows, and set right later. */
  readonly waitMs?: number;
}

interface Waiting {
  bound: BoundWorkload;
  readonly timer: NodeJS.Timeout;
}

const WAIT_MS = 2_000;

/**
 * Containers that start before the API server has told of their pods. While one is not bound its first program waits at the start gate.
 *
 * What runs already is bound at once: it would run without rules meanwhile.
 */
export class PodWait {
  readonly #options: PodWaitOptions;
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: PodWaitOptions) {
    this.#options = options;
  }

  /** A container is there: binds it, now or when its pod is known. */
  offer(bound: BoundWorkload): void {
    this.drop(bound.key);
    if (bound.hadStarted || this.#options.isKnown(bound)) return this.#options.bind(bound);
    const timer = setTimeout(() => this.#end(bound.key), this.#options.waitMs ?? WAIT_MS);
    this.#waiting.set(bound.key, { bound, timer });
  }

  /** @returns whether it waits: then it is not bound with what changed before its pod is known */
  change(bound: BoundWorkload): boolean {
    const waiting = this.#waiting.get(bound.key);
    if (waiting === undefined) return false;
    waiting.bound = { ...bound, hadStarted: waiting.bound.hadStarted };
    return true;
  }

  /** More is known: binds those whose pods are. */
  review(): void {
    for (const [key, { bound }] of this.#waiting) if (this.#options.isKnown(bound)) this.#end(key);
  }

  drop(key: string): void {
    clearTimeout(this.#waiting.get(key)?.timer);
    this.#waiting.delete(key);
  }

  /** Those that wait. */
  keys(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** Binds nobody any more. */
  stop(): void {
    for (const key of this.#waiting.keys()) this.drop(key);
  }

  #end(key: string): void {
    const waiting = this.#waiting.get(key);
    this.drop(key);
    if (waiting !== undefined) this.#options.bind(waiting.bound);
  }
}
