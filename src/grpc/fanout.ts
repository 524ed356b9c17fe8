// SPDX-License-Identifier: Apache-2.0
import type { Encoded } from './record.ts';

/** Events that a stream did not deliver since its previous record. */
export interface Lost {
  readonly kernel: bigint;
  readonly queue: bigint;
}
export interface QueueLimits {
  /** Records that wait for one subscriber. */
  readonly queueMax: number;
  /** Their size in memory, nearly: a container chooses how long its arguments are. */
  readonly queueBytesMax: number;
}
interface Held {
  readonly record: Encoded;
  /** How many events the record stands for. */
  readonly events: number;
}
/** What a record takes besides its bytes: the objects that hold them. */
const HELD_BYTES = 256;
const sizeOf = (held: Held): number => held.record.length + HELD_BYTES;
const NONE: Lost = { kernel: 0n, queue: 0n };

/** What waits for one subscriber. The oldest gives way to the newest and is counted. */
export class Subscription {
  readonly #limits: QueueLimits;
  /** A ring would be smaller; an array with a moving head is as fast and simpler. */
  #held: Held[] = [];
  #head = 0;
  #bytes = 0;
  #lost: Lost = NONE;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#held.length - this.#head;
  }

  /** @returns how many events gave way */
  push(held: Held): number {
    this.#held.push(held);
    this.#bytes += sizeOf(held);
    let gone = 0;
    // The newest always stays, however large: what was lost travels in it.
    while (this.length > 1 && (this.length > this.#limits.queueMax || this.#bytes > this.#limits.queueBytesMax)) {
      gone += this.#shift()?.events ?? 0;
    }
    if (gone > 0) this.countLost({ kernel: 0n, queue: BigInt(gone) });
    this.#wake?.();
    return gone;
  }

  countLost(lost: Lost): void {
    this.#lost = { kernel: this.#lost.kernel + lost.kernel, queue: this.#lost.queue + lost.queue };
  }

  /** The oldest record, and what was lost before it (and is now told). */
  take(): { readonly record: Encoded; readonly lost: Lost } | undefined {
    const held = this.#shift();
    if (held === undefined) return undefined;
    const lost = this.#lost;
    this.#lost = NONE;
    return { record: held.record, lost };
  }

  /** Resolves when there is a record, or at close. */
  async wait(): Promise<void> {
    if (this.length > 0 || this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }

  /** Ends every `wait`; what is held can still be taken. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #shift(): Held | undefined {
    const held = this.#held[this.#head];
    if (held === undefined) return undefined;
    this.#head++;
    this.#bytes -= sizeOf(held);
    if (this.#head > 1024 && this.#head * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#head);
      this.#head = 0;
    }
    return held;
  }
}

/** One source of records, many subscribers; publishing never waits. */
export class Fanout {
  readonly #limits: QueueLimits;
  readonly #subscriptions = new Set<Subscription>();
  #published = 0n;
  #lostQueue = 0n;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get subscribers(): number {
    return this.#subscriptions.size;
  }
  /** Events, so far. */
  get published(): bigint {
    return this.#published;
  }
  /** Events that gave way in queues of subscribers, over all of them, so far. */
  get lostQueue(): bigint {
    return this.#lostQueue;
  }

  /** @param make builds the record; called only if anybody listens */
  publish(events: number, make: () => Encoded): void {
    this.#published += BigInt(events);
    if (this.#subscriptions.size === 0) return;
    const held = { record: make(), events };
    for (const subscription of this.#subscriptions) this.#lostQueue += BigInt(subscription.push(held));
  }

  /** Tells every present subscriber, in its next record. */
  countLost(lost: Lost): void {
    for (const subscription of this.#subscriptions) subscription.countLost(lost);
  }

  subscribe(): Subscription {
    const subscription = new Subscription(this.#limits);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  unsubscribe(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    subscription.close();
  }
}
