// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError, noLogger } from '#base';
import type { Logger } from '#base';
import type { Container, ContainerChange, ContainerSource } from './container.ts';
import { asRuntimeError, ContainerdClient } from './containerd-client.ts';
import { findByCgroup, getContainer, listContainers } from './containerd-inventory.ts';
import { ContainerdTracker, TOPICS } from './containerd-tracker.ts';
import type { Claims } from './containerd-tracker.ts';
import type { Envelope } from './gen/events_pb.ts';

export interface ContainerdOptions {
  readonly logger?: Logger;
  /** How often everything is listed again, in case an event was lost. Default 60,000. */
  readonly relistMs?: number;
}

const BACKOFF_MS = { min: 100, max: 5_000 };
/** The server does not say when a subscription began: what happened meanwhile shows in a second list. */
const SETTLE_MS = 500;
/** Events that wait to be handled. Beyond it we connect and list anew. */
const WAITING_MAX = 65_536;

/**
 * The containers of a containerd, all its namespaces.
 *
 * Speaks containerd's own gRPC API (version 1: containerd 1.6 and later) on its Unix socket. Nothing is connected before `list` or
 * `watch`.
 *
 * @param socketPath for example `/run/containerd/containerd.sock`
 */
export function openContainerd(socketPath: string, options: ContainerdOptions = {}): ContainerSource {
  let current: Waiting | undefined;
  return {
    claim: async (cgroupPath, pid) => (await current?.claim(cgroupPath, pid)) ?? 'away',
    async list(signal = AbortSignal.timeout(60_000)) {
      using client = new ContainerdClient(socketPath);
      try {
        return [...(await listContainers(client, signal)).values()];
      } catch (error) {
        throw asRuntimeError(error, socketPath);
      }
    },
    watch: (signal) => watch({ socketPath, options, onFollow: (waiting) => void (current = waiting) }, signal),
  };
}

/**
 * The version of the containerd that answers on a socket.
 *
 * @throws {KubeArmorError} `RUNTIME_UNREACHABLE`
 */
export async function containerdVersion(socketPath: string, signal?: AbortSignal): Promise<string> {
  using client = new ContainerdClient(socketPath);
  try {
    return await client.version(signal);
  } catch (error) {
    throw asRuntimeError(error, socketPath);
  }
}

interface Watched {
  readonly socketPath: string;
  readonly options: ContainerdOptions;
  /** Who takes claims while there is a connection. */
  readonly onFollow: (waiting: Waiting | undefined) => void;
}

async function* watch({ socketPath, options, onFollow }: Watched, signal: AbortSignal): AsyncGenerator<ContainerChange> {
  const logger = options.logger ?? noLogger;
  let lostAtMs: number | undefined;
  let failures = 0;
  const claims: Claims = new Map();
  while (!signal.aborted) {
    using client = new ContainerdClient(socketPath);
    try {
      for await (const change of follow({ client, relistMs: options.relistMs ?? 60_000, claims, onFollow }, signal)) {
        yield change.kind === 'synced' && lostAtMs !== undefined ? { ...change, gapMs: performance.now() - lostAtMs } : change;
        lostAtMs = undefined;
        failures = 0;
      }
    } catch (error) {
      if (signal.aborted) return;
      const cause = asRuntimeError(error, socketPath);
      logger.debug('containerd cannot be reached', { ...cause.context, message: cause.message });
      if (lostAtMs === undefined) {
        lostAtMs = performance.now();
        yield { kind: 'lost', cause };
      }
    }
    const waitMs = Math.min(BACKOFF_MS.max, BACKOFF_MS.min * 2 ** failures++) * (0.5 + Math.random() / 2);
    await sleep(waitMs, undefined, { signal }).catch(() => {});
  }
}

interface Followed extends Pick<Watched, 'onFollow'> {
  readonly client: ContainerdClient;
  readonly relistMs: number;
  readonly claims: Claims;
}

/** One connection's time: first the whole list, then changes. Ends only by an error or when aborted. */
async function* follow({ client, relistMs, claims, onFollow }: Followed, signal: AbortSignal): AsyncGenerator<ContainerChange> {
  const ended = new AbortController();
  const anyEnd = AbortSignal.any([signal, ended.signal]);
  const waiting = new Waiting();
  const pumped = waiting.pump(client.events(TOPICS, anyEnd));
  const timers = [setTimeout(() => waiting.push('relist'), SETTLE_MS), setInterval(() => waiting.push('relist'), relistMs)];
  try {
    const listed = await listContainers(client, anyEnd);
    const tracker = new ContainerdTracker(listed, claims);
    yield { kind: 'synced', containers: tracker.list(), gapMs: 0 };
    onFollow(waiting);
    while (!signal.aborted) {
      const item = await waiting.next();
      if (item === 'relist') {
        yield* tracker.reconcile(await listContainers(client, anyEnd));
      } else if ('onAnswer' in item) {
        yield* await claimed(tracker, item, (cgroupPath) => findByCgroup(client, cgroupPath, anyEnd));
        item.onAnswer(tracker.ownerOf(item.cgroupPath) === undefined ? 'unknown' : 'claimed');
      } else {
        yield* await tracker.apply(item, (namespace, id) => getContainer(client, namespace, id, anyEnd));
      }
    }
  } finally {
    onFollow(undefined);
    waiting.end();
    timers.forEach((timer) => clearTimeout(timer));
    ended.abort();
    await pumped;
  }
}

async function claimed(
  tracker: ContainerdTracker,
  { cgroupPath, pid }: Claim,
  find: (cgroupPath: string) => Promise<Container | undefined>,
): Promise<ContainerChange[]> {
  const owner = tracker.ownerOf(cgroupPath) ?? (await find(cgroupPath));
  return owner === undefined ? [] : tracker.claim(owner, pid);
}

/** A question for the owner of a cgroup. */
interface Claim {
  readonly cgroupPath: string;
  readonly pid: number;
  readonly onAnswer: (answer: 'claimed' | 'unknown' | 'away') => void;
}
type Item = Envelope | Claim | 'relist';

/** What waits to be handled: events, questions, and marks to list again. */
class Waiting {
  readonly #items: Item[] = [];
  readonly #asked = new Set<Claim>();
  #wake = Promise.withResolvers<void>();
  #failure: { readonly error: unknown } | undefined;

  claim(cgroupPath: string, pid: number): Promise<'claimed' | 'unknown' | 'away'> {
    return new Promise((resolve) => {
      const claim: Claim = {
        cgroupPath,
        pid,
        onAnswer: (answer) => {
          this.#asked.delete(claim);
          resolve(answer);
        },
      };
      this.#asked.add(claim);
      this.push(claim);
    });
  }

  /** Nobody handles what waits any more. */
  end(): void {
    for (const claim of this.#asked) claim.onAnswer('away');
  }

  push(item: Item): void {
    if (this.#items.length >= WAITING_MAX)
      this.#fail(new KubeArmorError('RUNTIME_UNREACHABLE', 'following containerd: too many events at once'));
    else if (item !== 'relist' || this.#items.at(-1) !== 'relist') this.#items.push(item);
    this.#wake.resolve();
  }

  /** Never rejects: the failure comes out of `next`. */
  async pump(events: AsyncIterable<Envelope>): Promise<void> {
    try {
      for await (const event of events) this.push(event);
      this.#fail(new KubeArmorError('RUNTIME_UNREACHABLE', 'following containerd: the event stream ended'));
    } catch (error) {
      this.#fail(error);
    }
  }

  async next(): Promise<Item> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const item = this.#items.shift();
      if (item !== undefined) return item;
      this.#wake = Promise.withResolvers<void>();
      await this.#wake.promise;
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake.resolve();
  }
}
