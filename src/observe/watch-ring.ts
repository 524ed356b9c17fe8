// SPDX-License-Identifier: Apache-2.0
import { ReadableWatch } from '#libbpf';
import type { OnRecord, RingReader } from './ring-reader.ts';

export interface WatchOptions {
  /** Most records in one turn of the event loop; 512 if absent: a millisecond or two with all that is done with them. */
  readonly batch?: number;
  /** Milliseconds after which the ring is looked at unasked, for producers that do not wake us (BPF_RB_NO_WAKEUP); 100 if absent. */
  readonly idleMs?: number;
}

/** After a wake-up: wait this long for more, so that a busy ring is read in batches and its producers need no further wake-up. */
const TICK_MS = 1;
/** A record that stays unfinished (its producer is preempted) is looked at less and less often, down to this. */
const BUSY_TICK_MAX_MS = 16;

class RingPump {
  readonly #reader: RingReader;
  readonly #onRecord: OnRecord;
  readonly #batch: number;
  readonly #idleMs: number;
  readonly #watch: ReadableWatch;
  readonly #done = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  #busyTickMs = TICK_MS;
  #stopped = false;

  constructor(reader: RingReader, onRecord: OnRecord, options: WatchOptions) {
    this.#reader = reader;
    this.#onRecord = onRecord;
    this.#batch = options.batch ?? 512;
    this.#idleMs = options.idleMs ?? 100;
    this.#watch = new ReadableWatch(reader.fd, this.#turn);
  }

  run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    else this.#turn();
    return this.#done.promise.finally(() => signal.removeEventListener('abort', stop));
  }

  readonly #turn = (): void => {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#watch.disarm();
    try {
      this.#schedule(this.#reader.drain(this.#onRecord, this.#batch));
    } catch (error) {
      this.#done.reject(error);
      this.#stop();
    }
  };

  #schedule(consumed: number): void {
    if (consumed === this.#batch) {
      setImmediate(this.#turn);
    } else if (consumed > 0) {
      this.#busyTickMs = TICK_MS;
      this.#timer = setTimeout(this.#turn, TICK_MS);
    } else if (this.#reader.pendingBytes > 0) {
      // epoll calls the ring readable while its first record is unfinished: waiting on it would spin.
      this.#timer = setTimeout(this.#turn, this.#busyTickMs);
      this.#busyTickMs = Math.min(this.#busyTickMs * 2, BUSY_TICK_MAX_MS);
    } else {
      this.#watch.arm();
      this.#timer = setTimeout(this.#turn, this.#idleMs);
    }
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#watch[Symbol.dispose]();
    this.#done.resolve();
  }
}

/**
 * Reads a ring as records arrive, until `signal` aborts.
 *
 * One bounded batch per turn, so that the event loop serves others; sleeps in epoll while the ring is empty. What is still in the
 * ring when it ends stays there: call `drain` for it, or leave it to the next reader.
 *
 * @param reader must outlive the returned promise, and so must its descriptor; one watch per ring
 * @returns resolves once stopped; rejects with what `onRecord` threw, and stops
 */
export function watchRing(reader: RingReader, onRecord: OnRecord, signal: AbortSignal, options: WatchOptions = {}): Promise<void> {
  return new RingPump(reader, onRecord, options).run(signal);
}
