// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import { logClient, watchFeed } from '#grpc';
import type { Feed, FeedRecords, GrpcTransport } from '#grpc';
import type { AgentPlace } from './agent-source.ts';
import { Continuity } from './continuity.ts';

export interface ReaderOptions {
  readonly feed: Feed;
  readonly dial: (address: string) => GrpcTransport;
  readonly logger: Logger;
  /** Given every record as it came. */
  readonly tell?: (kind: keyof FeedRecords, record: FeedRecords[keyof FeedRecords]) => void;
  /** Default 500 ms to 3 s, up to a fifth longer: an agent that starts waits five seconds for its readers (src/agent/agent.ts). */
  readonly retryMs?: { readonly min: number; readonly max: number };
}

const RETRY_MS = { min: 500, max: 3_000 } as const;
const JITTER = 0.2;
const PING_TIMEOUT_MS = 10_000;

/** Brings what one agent tells into the feed, over any number of connections. What is missing in between is counted there. */
export class AgentReader {
  readonly #place: AgentPlace;
  readonly #options: ReaderOptions;
  readonly #continuity = { alerts: new Continuity(), logs: new Continuity() };
  #isConnected = false;

  constructor(place: AgentPlace, options: ReaderOptions) {
    this.#place = place;
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Until aborted. Never throws but for a bug: an agent that is away, or is no agent, is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, retryMs = RETRY_MS } = this.#options;
    const { node, address } = this.#place;
    let told = '';
    for (let failures = 0; !signal.aborted; failures++) {
      const why = await this.#read(signal, () => {
        if (told !== '') logger.info('an agent is back', { node, address });
        [failures, told] = [0, ''];
      });
      this.#isConnected = false;
      if (signal.aborted) return;
      if (why !== told) logger.warn('an agent cannot be read; it is tried again', { node, address, why });
      told = why;
      const pause = Math.min(retryMs.min * 2 ** Math.min(failures, 10), retryMs.max) * (1 + Math.random() * JITTER);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  /** One connection. @returns why it ended */
  async #read(outer: AbortSignal, onConnected: () => void): Promise<string> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    const pumps: Promise<void>[] = [];
    try {
      using transport = this.#options.dial(this.#place.address);
      await logClient(transport).healthCheck({ nonce: 1 }, { signal, timeoutMs: PING_TIMEOUT_MS });
      this.#isConnected = true;
      onConnected();
      this.#continuity.alerts.reconnected();
      this.#continuity.logs.reconnected();
      for (const kind of ['alerts', 'logs', 'messages'] as const) pumps.push(this.#pump(transport, kind, signal));
      await Promise.race(pumps); // one stream that ends ends all: the next connection begins whole
      return 'the agent ended the stream';
    } catch (error) {
      if (outer.aborted) return '';
      if (!(error instanceof KubeArmorError)) throw error;
      return error.message;
    } finally {
      stop.abort();
      await Promise.allSettled(pumps);
    }
  }

  async #pump(transport: GrpcTransport, kind: keyof FeedRecords, signal: AbortSignal): Promise<void> {
    const { feed, tell } = this.#options;
    if (kind === 'messages') {
      for await (const message of watchFeed(transport, kind, signal)) {
        feed.publishMessage(message);
        tell?.(kind, message);
      }
      return;
    }
    for await (const record of watchFeed(transport, kind, signal)) {
      tell?.(kind, record);
      const lost = this.#continuity[kind].next(record);
      if (lost.kernel > 0n || lost.queue > 0n) feed.countLost(kind, lost);
      if (kind === 'alerts') feed.publishAlert(record as FeedRecords['alerts']);
      else feed.publishLog(record as FeedRecords['logs']);
    }
  }
}
