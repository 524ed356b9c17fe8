// SPDX-License-Identifier: Apache-2.0
import type { AgentPort, FeedItem, StreamName } from './ports.ts';

/** Records held between the network and the printer; beyond it the network waits. */
const HELD_MAX = 256;

/**
 * Yields the records of several streams as they come; ends, or throws, when the first of them does. What came before is yielded first.
 *
 * A queue, not a race of promises: a race leaves a reaction behind on the quiet stream for every record of the busy one.
 */
export async function* mergeStreams(agent: AgentPort, streams: readonly StreamName[], outer: AbortSignal): AsyncGenerator<FeedItem> {
  using queue = new MergeQueue();
  const signal = AbortSignal.any([outer, queue.signal]);
  for (const stream of streams) void queue.pump(agent.watch(stream, signal));
  for (;;) {
    const item = await queue.take();
    if (item === undefined) return;
    yield item;
  }
}

class MergeQueue implements Disposable {
  readonly #held: FeedItem[] = [];
  readonly #stop = new AbortController();
  #filled = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();
  #end: { readonly error?: unknown } | undefined;

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  async pump(items: AsyncIterable<FeedItem>): Promise<void> {
    try {
      for await (const item of items) {
        this.#held.push(item);
        this.#filled.resolve();
        while (this.#held.length >= HELD_MAX && !this.#stop.signal.aborted) await this.#drained.promise;
      }
      this.#end ??= {};
    } catch (error) {
      this.#end ??= { error };
    }
    this.#filled.resolve();
  }

  /** The oldest record, or undefined after the end. */
  async take(): Promise<FeedItem | undefined> {
    while (this.#held.length === 0) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return undefined;
      await this.#filled.promise;
      this.#filled = Promise.withResolvers();
    }
    const item = this.#held.shift();
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
    return item;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#drained.resolve();
  }
}
