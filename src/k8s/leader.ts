// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, noLogger } from '#base';
import type { Logger } from '#base';
import type { KubeApi, KubeObject, WriteOptions } from './api.ts';
import { pause } from './backoff.ts';
import { leaseObject, LEASES, microTime, readLease } from './lease.ts';
import type { LeaseOptions } from './lease.ts';

export interface LeaderOptions extends LeaseOptions {
  /** Between looks at the Lease, and between renewals. Default 2,000. */
  readonly everyMs?: number;
  /** A leader that could not renew for so long stops, before another may begin. Default two thirds of the duration. */
  readonly renewWithinMs?: number;
  readonly logger?: Logger;
}

/** A text and when we had it, by our clock: what somebody's Lease said, or what failed. */
interface Dated {
  readonly text: string;
  readonly atMs: number;
}

/**
 * Does some work only while this holder leads: waits for the Lease, works, and when it is lost tells the work to stop, waits for its
 * end, and waits for the Lease again. Gives the Lease back when aborted, so that another can take it at once.
 *
 * Two may lead at the same time only where the work goes on after it was told to stop. Clocks of others are not trusted: a Lease has run
 * out when it did not change for its duration, by our own clock.
 *
 * @param work its signal aborts when the Lease is lost or `signal` aborts; where it ends by itself, all ends
 * @throws what `work` throws
 * @source Kubernetes, client-go `tools/leaderelection`
 */
export async function lead(
  api: KubeApi,
  options: LeaderOptions,
  work: (leading: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const leader = new Leader(api, options);
  while (await leader.acquire(signal)) {
    const stop = new AbortController();
    const onAbort = (): void => stop.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) stop.abort();
    let isDone = false;
    const working = (async () => {
      await work(stop.signal);
      isDone = !stop.signal.aborted;
    })().finally(onAbort);
    working.catch(() => {}); // awaited below, perhaps not at once
    try {
      await leader.hold(stop.signal);
    } finally {
      stop.abort();
      signal.removeEventListener('abort', onAbort);
      await working.catch(() => {}); // thrown below
      await leader.release();
    }
    await working;
    if (isDone) return;
  }
}

/** What goes on failing in the same way is told so often. */
const TOLD_AGAIN_MS = 60_000;

class Leader {
  readonly #api: KubeApi;
  readonly #options: LeaderOptions;
  readonly #logger: Logger;
  readonly #everyMs: number;
  readonly #renewWithinMs: number;
  /** Ours as it was last written; undefined while another's. */
  #own: KubeObject | undefined;
  #renewedMs = 0;
  #seen: Dated | undefined;
  /** The failure that was told last; undefined since a call succeeded. */
  #told: Dated | undefined;

  constructor(api: KubeApi, options: LeaderOptions) {
    this.#api = api;
    this.#options = options;
    this.#logger = options.logger ?? noLogger;
    this.#everyMs = options.everyMs ?? 2_000;
    this.#renewWithinMs = options.renewWithinMs ?? (options.durationS * 2000) / 3;
  }

  /** Waits until the Lease is ours. @returns false when aborted */
  async acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#attempt(() => this.#take(signal), signal)) {
        this.#logger.info(`leading by the Lease ${this.#options.ref.name}`, { holder: this.#options.holder });
        return true;
      }
      await pause(this.#everyMs * (0.8 + Math.random() * 0.4), signal);
    }
    return false;
  }

  /** Renews until the signal aborts, or the Lease is lost. */
  async hold(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const leftMs = this.#renewedMs + this.#renewWithinMs - performance.now();
      await pause(Math.min(this.#everyMs, Math.max(0, leftMs)), signal);
      if (signal.aborted) return;
      await this.#renewInTime(signal);
      if (this.#own !== undefined && performance.now() - this.#renewedMs < this.#renewWithinMs) continue;
      this.#logger.warn(`lost the Lease ${this.#options.ref.name}`, { holder: this.#options.holder });
      this.#own = undefined;
      return;
    }
  }

  /** Lets another take it at once; where that fails it runs out by itself. */
  async release(): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    if (own === undefined) return;
    const spec = { leaseDurationSeconds: 1, renewTime: microTime(Date.now()), leaseTransitions: readLease(own).transitions };
    const signal = AbortSignal.timeout(this.#everyMs);
    await this.#attempt(async () => this.#write(own, { ...spec, holderIdentity: '' }, signal), signal);
  }

  /** A call that hangs must not outlast what we have: it is cut where the time is over. */
  async #renewInTime(signal: AbortSignal): Promise<void> {
    const cut = new AbortController();
    const onAbort = (): void => cut.abort();
    const timer = setTimeout(onAbort, Math.max(1, this.#renewedMs + this.#renewWithinMs - performance.now()));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#attempt(() => this.#renew(cut.signal), cut.signal);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Failures of the server are logged and passed over: the next try comes soon. */
  async #attempt(act: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
    try {
      const isDone = await act();
      this.#told = undefined;
      return isDone;
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof KubeArmorError)) throw error;
      this.#tell(error);
      return false;
    }
  }

  /** A try comes every two seconds: one line for each would be all that a log holds of an API server that is away. */
  #tell({ message, code }: KubeArmorError): void {
    const nowMs = performance.now();
    if (this.#told?.text === message && nowMs - this.#told.atMs < TOLD_AGAIN_MS) return;
    this.#told = { text: message, atMs: nowMs };
    this.#logger.warn(message, { code, lease: this.#options.ref.name });
  }

  /** @returns false too where somebody was quicker */
  async #take(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#tryToTake(signal);
    } catch (error) {
      if (!(error instanceof KubeArmorError) || error.code !== 'API_CONFLICT') throw error;
      return false;
    }
  }

  async #tryToTake(signal: AbortSignal): Promise<boolean> {
    const found = await this.#api.get(LEASES, this.#options.ref, signal);
    if (found === undefined) return this.#create(signal);
    const record = readLease(found);
    const isFree = record.holder === '' || record.holder === this.#options.holder || this.#hasRunOut(found);
    const transitions = record.transitions + (record.holder === this.#options.holder ? 0 : 1);
    const acquireTime = microTime(Date.now());
    return isFree && (await this.#write(found, { ...this.#spec(), acquireTime, leaseTransitions: transitions }, signal));
  }

  #hasRunOut(lease: KubeObject): boolean {
    const { holder, renewTime, durationS } = readLease(lease);
    const text = `${holder} ${renewTime}`;
    if (this.#seen?.text !== text) this.#seen = { text, atMs: performance.now() };
    return performance.now() - this.#seen.atMs >= durationS * 1000;
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    const startedMs = performance.now();
    const lease = leaseObject(this.#options, { ...this.#spec(), acquireTime: microTime(Date.now()), leaseTransitions: 0 });
    return this.#keep(await this.#api.create(LEASES, lease, this.#by(signal)), startedMs);
  }

  /** @returns whether it is still ours */
  async #renew(signal: AbortSignal): Promise<boolean> {
    const own = this.#own;
    if (own === undefined) return false;
    try {
      return await this.#write(own, { ...recordSpec(own), ...this.#spec() }, signal);
    } catch (error) {
      if (!(error instanceof KubeArmorError) || error.code !== 'API_CONFLICT') throw error;
      // Somebody wrote it: a label, perhaps, or an own renewal whose answer was lost.
      const found = await this.#api.get(LEASES, this.#options.ref, signal);
      const isOurs = found !== undefined && readLease(found).holder === this.#options.holder;
      this.#own = isOurs ? found : undefined;
      return isOurs && this.#write(found, { ...recordSpec(found), ...this.#spec() }, signal);
    }
  }

  async #write(lease: KubeObject, spec: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<boolean> {
    const startedMs = performance.now();
    return this.#keep(await this.#api.replace(LEASES, { ...lease, spec }, this.#by(signal)), startedMs);
  }

  /** Held from before the write was sent: others count from when they see it. */
  #keep(lease: KubeObject, startedMs: number): boolean {
    this.#own = lease;
    this.#renewedMs = startedMs;
    return true;
  }

  #spec(): Record<string, unknown> {
    const { holder, durationS } = this.#options;
    return { holderIdentity: holder, leaseDurationSeconds: durationS, renewTime: microTime(Date.now()) };
  }

  #by(signal: AbortSignal): WriteOptions {
    return { fieldManager: this.#options.fieldManager, signal };
  }
}

function recordSpec(lease: KubeObject): Record<string, unknown> {
  const { spec } = lease;
  return typeof spec === 'object' && spec !== null ? { ...spec } : {};
}
