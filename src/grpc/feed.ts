// SPDX-License-Identifier: Apache-2.0
import type { MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { HandlerContext } from '@connectrpc/connect';
import { AlertSchema, LogSchema, LogService, MessageSchema } from '#wire';
import type { Alert, Log, Message } from '#wire';
import { Fanout } from './fanout.ts';
import type { Lost, QueueLimits, Subscription } from './fanout.ts';
import { encodeRecord, messageOf } from './record.ts';
import type { Fields } from './record.ts';
import { grpcService } from './service.ts';
import type { GrpcService } from './service.ts';

export interface FeedOptions {
  /** Names this run of the sender in `EventID`; unique among its runs, for example its start in base 36. */
  readonly runId: string;
  /** Records that wait for one subscriber, default 131,072. */
  readonly queueMax?: number;
  /** Their size in memory, nearly, default 64 MiB. */
  readonly queueBytesMax?: number;
  /** Subscribers of one kind, default 64; more are refused with ResourceExhausted. */
  readonly subscribersMax?: number;
}

export interface FeedStats {
  readonly subscribers: number;
  /** Events, so far. */
  readonly published: bigint;
  /** Events that slow subscribers did not get, summed over subscribers, so far. */
  readonly lostQueue: bigint;
}

/** A record says nothing of losses until it is delivered: a subscriber is told of its own. */
const NO_LOSS = { LostKernel: 0n, LostQueue: 0n } as const;

export type FeedKind = 'alerts' | 'logs' | 'messages';

/**
 * Fans alerts, logs and messages out to the clients of `feeder.LogService`.
 *
 * Publishing never waits. A client that reads too slowly loses its oldest records; the next one it gets says how many
 * events that were (`LostQueue`, `LostKernel`), so for every stream and any moment: events published since it began =
 * events delivered + events told as lost + events waiting. A client sees what is published after it subscribed.
 */
export class Feed {
  readonly #alerts: Fanout;
  readonly #logs: Fanout;
  readonly #messages: Fanout;
  readonly #runId: string;
  readonly #subscribersMax: number;
  #sequences = { alerts: 0n, logs: 0n };

  constructor(options: FeedOptions) {
    const limits: QueueLimits = { queueMax: options.queueMax ?? 131_072, queueBytesMax: options.queueBytesMax ?? 64 * 1024 * 1024 };
    this.#alerts = new Fanout(limits);
    this.#logs = new Fanout(limits);
    this.#messages = new Fanout(limits);
    this.#runId = options.runId;
    this.#subscribersMax = options.subscribersMax ?? 64;
  }

  /**
   * `Sequence` and the lost counters are filled here, `EventID` where it is empty: what is passed on keeps the name that its first sender gave it.
   * Lone surrogates become U+FFFD.
   */
  publishAlert(alert: Fields<Alert>): void {
    const Sequence = ++this.#sequences.alerts;
    const EventID = alert.EventID || `${this.#runId}-a${Sequence}`;
    this.#alerts.publish(Math.max(1, alert.Count), () => encodeRecord(AlertSchema, { ...alert, ...NO_LOSS, Sequence, EventID }));
  }

  /** As `publishAlert`. */
  publishLog(log: Fields<Log>): void {
    const Sequence = ++this.#sequences.logs;
    const EventID = log.EventID || `${this.#runId}-l${Sequence}`;
    this.#logs.publish(Math.max(1, log.Count), () => encodeRecord(LogSchema, { ...log, ...NO_LOSS, Sequence, EventID }));
  }

  publishMessage(message: Fields<Message>): void {
    this.#messages.publish(1, () => encodeRecord(MessageSchema, message));
  }

  /** Counts events that never came here: `kernel` did not fit the ring, `queue` the sender's own queues. */
  countLost(kind: 'alerts' | 'logs', lost: Lost): void {
    (kind === 'alerts' ? this.#alerts : this.#logs).countLost(lost);
  }

  stats(kind: FeedKind): FeedStats {
    const { subscribers, published, lostQueue } = { alerts: this.#alerts, logs: this.#logs, messages: this.#messages }[kind];
    return { subscribers, published, lostQueue };
  }

  /**
   * Alerts from now on, to be sent and not to be read (`messageOf`), until the signal aborts; then throws its reason. Where that is a ConnectError Unavailable (the
   * server stops) what waits is delivered first.
   */
  watchAlerts(signal: AbortSignal): AsyncGenerator<Alert> {
    return this.#watch(AlertSchema, this.#alerts, signal);
  }
  /** As `watchAlerts`. */
  watchLogs(signal: AbortSignal): AsyncGenerator<Log> {
    return this.#watch(LogSchema, this.#logs, signal);
  }
  /** As `watchAlerts`; messages carry no count of what was lost. */
  watchMessages(signal: AbortSignal): AsyncGenerator<Message> {
    return this.#watch(MessageSchema, this.#messages, signal);
  }

  async *#watch<D extends typeof AlertSchema | typeof LogSchema | typeof MessageSchema>(
    schema: D,
    fanout: Fanout,
    signal: AbortSignal,
  ): AsyncGenerator<MessageShape<D>> {
    for await (const { record, lost } of taken(fanout, signal, this.#subscribersMax)) {
      const message = messageOf(schema, record);
      // a record says nothing of losses, so that these fields come once
      yield lost.kernel === 0n && lost.queue === 0n ? message : Object.assign(message, { LostKernel: lost.kernel, LostQueue: lost.queue });
    }
  }
}

type Taken = NonNullable<ReturnType<Subscription['take']>>;

async function* taken(fanout: Fanout, signal: AbortSignal, subscribersMax: number): AsyncGenerator<Taken> {
  if (fanout.subscribers >= subscribersMax)
    throw new ConnectError(`there are ${subscribersMax} subscribers already`, Code.ResourceExhausted);
  const subscription = fanout.subscribe();
  const stop = (): void => fanout.unsubscribe(subscription);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    for (;;) {
      await subscription.wait();
      // Where the server stops, what waits is delivered first; a client that is gone reads nothing.
      if (signal.aborted && !isShutdown(signal.reason)) throw signal.reason;
      const next = subscription.take();
      if (next !== undefined) yield next;
      else if (signal.aborted) throw signal.reason;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

const isShutdown = (reason: unknown): boolean => reason instanceof ConnectError && reason.code === Code.Unavailable;

/** An empty stream that ends with OK. */
async function* nothing(): AsyncGenerator<never> {}

/**
 * `feeder.LogService` over a feed, with KubeArmor's filters: alerts `all` or `policy`, logs `all` or `system`, messages
 * any; another filter ends the call with OK and no message.
 */
export function logService(feed: Feed): GrpcService {
  return grpcService(LogService, {
    healthCheck: ({ nonce }) => ({ Retval: nonce }),
    watchAlerts: ({ Filter }, { signal }: HandlerContext) => (['all', 'policy'].includes(Filter) ? feed.watchAlerts(signal) : nothing()),
    watchLogs: ({ Filter }, { signal }: HandlerContext) => (['all', 'system'].includes(Filter) ? feed.watchLogs(signal) : nothing()),
    watchMessages: (_request, { signal }: HandlerContext) => feed.watchMessages(signal),
  });
}
