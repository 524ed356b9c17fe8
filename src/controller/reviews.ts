// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { nestingIssue } from '#policy';
import type { PolicyKind } from '#policy';
import { problemsOf } from './policy-review.ts';
import type { Checked, NodesFacts, Problems } from './policy-review.ts';
import type { ReviewOrder, ReviewWord } from './review-thread.ts';

/** The thread, as seen from here: `node:worker_threads`' Worker fits. */
export interface ReviewPort {
  post(order: ReviewOrder): void;
  close(): void;
}

/** Starts a thread; `onEnd` where it ends although nobody closed it. */
export type StartThread = (onWord: (word: ReviewWord) => void, onEnd: (cause: unknown) => void) => ReviewPort;

/** A policy as it stands in the cluster. */
export interface StoredPolicy {
  readonly ref: string;
  readonly kind: PolicyKind;
  readonly generation: number;
  readonly object: unknown;
}

/** What a review came to in its time. */
export interface Reviewed {
  /** Undefined: there was no time even for a first look. */
  readonly checked: Checked | undefined;
  /** Undefined: there was no time to look at it beside the others. */
  readonly lint: readonly string[] | undefined;
}

interface Waiting {
  readonly order: Extract<ReviewOrder, { order: 'review' }>;
  readonly resolve: (reviewed: Reviewed) => void;
  checked?: Checked;
}

/**
 * The review thread with its queue: one review at a time, and none is begun for which nobody waits any more. A thread that ends is
 * started again with the policies of the cluster.
 */
export class Reviews implements Disposable {
  readonly #start: StartThread;
  readonly #onTaken: (ref: string, generation: number, problems: Problems) => void;
  readonly #logger: Logger;
  readonly #stored = new Map<string, StoredPolicy>();
  #port: ReviewPort | undefined;
  #queue: Waiting[] = [];
  #running: Waiting | undefined;
  #id = 0;

  constructor(start: StartThread, onTaken: (ref: string, generation: number, problems: Problems) => void, logger: Logger) {
    this.#start = start;
    this.#onTaken = onTaken;
    this.#logger = logger;
    this.#open();
  }

  /** Its problems are told to `onTaken`. */
  upsert(policy: StoredPolicy): void {
    this.#stored.set(policy.ref, policy);
    this.#send(policy);
  }

  remove(ref: string): void {
    if (this.#stored.delete(ref)) this.#port?.post({ order: 'remove', ref });
  }

  /** Never throws; when the signal aborts it answers with what there is. */
  async review(kind: PolicyKind, object: unknown, facts: NodesFacts, signal: AbortSignal): Promise<Reviewed> {
    if (signal.aborted) return NOTHING;
    const { promise, resolve } = Promise.withResolvers<Reviewed>();
    const waiting: Waiting = { order: { order: 'review', id: ++this.#id, kind, object, facts }, resolve };
    const giveUp = (): void => {
      this.#queue = this.#queue.filter((one) => one !== waiting);
      resolve({ checked: waiting.checked, lint: undefined });
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#queue.push(waiting);
    this.#next();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Reviews that wait or run. */
  get pending(): number {
    return this.#queue.length + (this.#running === undefined ? 0 : 1);
  }

  [Symbol.dispose](): void {
    const port = this.#port;
    this.#port = undefined;
    port?.close();
    for (const waiting of [...this.#queue, ...(this.#running === undefined ? [] : [this.#running])])
      waiting.resolve({ checked: waiting.checked, lint: undefined });
    this.#queue = [];
  }

  #open(): void {
    const port = this.#start(
      (word) => this.#hear(word),
      (cause) => {
        if (this.#port === port) this.#reopen(cause);
      },
    );
    this.#port = port;
    for (const policy of this.#stored.values()) this.#send(policy);
  }

  #reopen(cause: unknown): void {
    this.#logger.error('the review thread ended; starting another', { cause: causeOf(cause) });
    // What ended it may end the next one too: it is not tried again.
    this.#running?.resolve({ checked: this.#running.checked, lint: undefined });
    this.#running = undefined;
    this.#open();
    this.#next();
  }

  #next(): void {
    while (this.#running === undefined && this.#port !== undefined) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      try {
        this.#port.post(next.order);
        this.#running = next;
      } catch (error) {
        this.#logger.error('a review could not be given to the review thread', { kind: next.order.kind, cause: causeOf(error) });
        next.resolve(NOTHING);
      }
    }
  }

  /** What the thread cannot be given is a problem of this one policy: its earlier version is what others are judged beside. */
  #send(policy: StoredPolicy): void {
    const { ref, generation } = policy;
    const deep = nestingIssue(policy.object);
    if (deep !== undefined) return this.#onTaken(ref, generation, problemsOf([deep]));
    try {
      this.#port?.post({ order: 'upsert', ...policy });
    } catch (error) {
      this.#logger.error('a policy could not be given to the review thread', { policy: ref, cause: causeOf(error) });
      this.#onTaken(ref, generation, ['the controller could not look at it: its log says why']);
    }
  }

  #hear(word: ReviewWord): void {
    if (word.word === 'taken') return this.#onTaken(word.ref, word.generation, word.problems);
    const running = this.#running;
    if (running?.order.id !== word.id) return;
    if (word.word === 'checked') {
      running.checked = word.checked;
      return;
    }
    running.resolve({ checked: running.checked, lint: word.lint });
    this.#running = undefined;
    this.#next();
  }
}

const causeOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const NOTHING: Reviewed = { checked: undefined, lint: undefined };
