// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { Enforcer, Tampering } from '#enforce';
import type { KernelEvent } from '#events';
import { accessText, layOut, ruleSetKey } from '#policy';
import type { Policy, Probe, ProbePlan, RuleSet } from '#policy';
import { policyKey } from '../policy-identity.ts';
import type { Canary, CanaryPlace } from './canary.ts';
import { ImageProof } from './image-proof.ts';
import type { Moment } from './image-proof.ts';
import { isAllTold, judgeProbes } from './judge.ts';
import type { Evidence, Failure, Judged } from './judge.ts';
import { planText, readAnswers } from './plan-text.ts';
import type { PolicyProof, Proofs, ProofSummary } from './port.ts';
import { ProofView } from './proof-view.ts';

/** Rules in force for a workload. */
export interface InForce {
  readonly key: string;
  readonly policies: readonly Policy[];
  readonly ruleSet: RuleSet;
  /** What a canary is to try of them; costs some milliseconds. */
  readonly plan: () => ProbePlan;
}

export interface ProverOptions {
  readonly enforcer: Pick<Enforcer, 'protect' | 'release' | 'workloadOf' | 'ruleOf' | 'counters'>;
  readonly inForce: () => readonly InForce[];
  readonly canary: Canary;
  /** How often each image is proven; 0: never. */
  readonly everyMs: number;
  readonly logger: Logger;
  /** How long alerts are waited for; default: three seconds. One comes in milliseconds, one that was folded in a second. */
  readonly evidenceMs?: number;
  readonly now?: () => Moment;
}

/** The canary's key among the workloads of an enforcer. */
export const CANARY_KEY = 'canary/one';
const EVIDENCE_MS = 3_000;
/** States get old by themselves. */
const LOOK_MS = 5_000;
/** After a round a busy node has so much of its time for others. */
const REST_FACTOR = 4;
/** Where alerts were lost. */
const REPEAT_MS = 2_000;
/** Where a canary could not run it is tried again. */
const RETRY_MS = 10_000;

/**
 * Proves by a canary that images in force do what their rules say: each image once in a while, a new one at once, one after the other.
 *
 * The canary is a workload of its own, bound to the very image, in mode `enabled` whatever the mode of those workloads is.
 */
export class Prover implements Proofs {
  readonly #options: ProverOptions;
  readonly #now: () => Moment;
  readonly #images = new Map<string, ImageProof>();
  /** The same by the keys of their policies. */
  readonly #byPolicy = new Map<string, ImageProof[]>();
  readonly #keys = new WeakMap<RuleSet, string>();
  readonly #view: ProofView;
  /** What is in force changed since `#images` was made. */
  #isStale = true;
  #events: KernelEvent[] = [];
  #onEvent: () => void = () => {};
  #onWake: () => void = () => {};
  #isWoken = false;
  #place: CanaryPlace | undefined;

  constructor(options: ProverOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => ({ ms: performance.now(), wallMs: Date.now() }));
    this.#view = new ProofView({
      isOff: options.everyMs === 0,
      images: () => this.#inForce(),
      imagesOf: (key) => this.#imagesOf(key),
      nowMs: () => this.#now().ms,
    });
  }

  stateOf(key: string): PolicyProof {
    return this.#view.stateOf(key);
  }

  summary(): ProofSummary {
    return this.#view.summary();
  }

  onChange(listener: () => void): () => void {
    return this.#view.onChange(listener);
  }

  /** Takes an event of the canary's own: it is nobody else's. @returns whether it is one */
  takes(event: KernelEvent): boolean {
    if (this.#options.enforcer.workloadOf(event.scopeId) !== CANARY_KEY) return false;
    if (this.#events.push(event) > EVENTS_MAX) this.#events.shift();
    this.#onEvent();
    return true;
  }

  /** What is in force changed: what is new is proven at once. */
  wake(): void {
    this.#isStale = true;
    this.#isWoken = true;
    this.#onWake();
  }

  /** What a look at the kernel's state found, each time it was looked at: what concerns an image makes it unproven. */
  distrust(found: readonly Tampering[]): void {
    if (found.length === 0) return;
    const { ms } = this.#now();
    const images = this.#inForce();
    const keysOf = new Map(this.#options.inForce().map(({ key, ruleSet }) => [key, this.#keyOf(ruleSet)]));
    for (const { what, workloads } of found) {
      const touched = workloads === undefined ? undefined : new Set(workloads.map((key) => keysOf.get(key)));
      for (const [key, image] of images) if (touched === undefined || touched.has(key)) image.distrust(what, ms);
    }
    this.#view.tell();
    this.wake();
  }

  /** Proves until aborted. Call it once events are read. */
  async run(signal: AbortSignal): Promise<void> {
    // of an agent before us, that was killed
    this.#options.enforcer.release(CANARY_KEY);
    await this.#unlessItFails(this.#options.canary.clear());
    if (this.#options.everyMs === 0) return;
    const look = setInterval(() => this.#view.tell(), LOOK_MS).unref();
    try {
      while (!signal.aborted) await this.#step(signal);
    } finally {
      clearInterval(look);
      await this.#leave();
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { ms } = this.#now();
    const { everyMs } = this.#options;
    const dueMs = (image: ImageProof): number => image.dueMs(everyMs);
    const [next] = [...this.#inForce().values()].toSorted((a, b) => dueMs(a) - dueMs(b));
    if (next === undefined) return await this.#rest(everyMs, signal);
    if (dueMs(next) > ms) return await this.#rest(dueMs(next) - ms, signal);
    const restMs = await this.#prove(next, signal);
    this.#view.tell();
    await this.#rest(restMs, signal);
  }

  async #rest(forMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onWake = resolve;
    if (this.#isWoken) resolve();
    const rested = new AbortController();
    const slept = sleep(forMs, undefined, { signal: AbortSignal.any([signal, rested.signal]) }).catch(() => {});
    await Promise.race([promise, slept]);
    rested.abort();
    this.#onWake = () => {};
    this.#isWoken = false;
  }

  /** The images in force, no others. */
  #inForce(): ReadonlyMap<string, ImageProof> {
    if (!this.#isStale) return this.#images;
    this.#isStale = false;
    const found = new Map(this.#options.inForce().map((one) => [this.#keyOf(one.ruleSet), one]));
    for (const key of this.#images.keys()) if (!found.has(key)) this.#images.delete(key);
    for (const [key, { ruleSet, plan }] of found) if (!this.#images.has(key)) this.#images.set(key, new ImageProof(ruleSet, plan));
    this.#byPolicy.clear();
    for (const image of this.#images.values()) {
      for (const key of image.policies) {
        const known = this.#byPolicy.get(key);
        if (known === undefined) this.#byPolicy.set(key, [image]);
        else known.push(image);
      }
    }
    return this.#images;
  }

  #imagesOf(key: string): readonly ImageProof[] {
    this.#inForce();
    return this.#byPolicy.get(key) ?? [];
  }

  #keyOf(ruleSet: RuleSet): string {
    const key = this.#keys.get(ruleSet) ?? ruleSetKey(ruleSet);
    this.#keys.set(ruleSet, key);
    return key;
  }

  /** @returns for how long to rest then */
  async #prove(image: ImageProof, signal: AbortSignal): Promise<number> {
    const began = this.#now();
    try {
      const place = (this.#place ??= await this.#options.canary.open());
      const judged = await this.#try(image, place, signal);
      this.#view.trouble = undefined;
      if (signal.aborted) return 0;
      if (judged === undefined) return REPEAT_MS;
      this.#tell(image, judged);
      image.note(judged, began);
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      if (signal.aborted) return 0;
      if (this.#view.trouble === undefined) this.#options.logger.error('no rule can be proven', { why: error.message });
      this.#view.trouble = error.message;
      await this.#leave();
      return RETRY_MS;
    }
    const spentMs = this.#now().ms - began.ms;
    return Math.min(spentMs * REST_FACTOR, this.#options.everyMs / (this.#images.size + 1));
  }

  /** @returns undefined where nothing can be said, as alerts were lost meanwhile */
  async #try(image: ImageProof, place: CanaryPlace, signal: AbortSignal): Promise<Judged | undefined> {
    const { enforcer, logger } = this.#options;
    const lostBefore = enforcer.counters()['alerts_lost'] ?? 0n;
    const lacks = ({ access }: Probe): boolean =>
      access.kind === 'capability' && (place.capabilities & (1n << BigInt(access.capability))) === 0n;
    const probes = image.next();
    const undecided = probes.filter(lacks).map((probe) => ({ probe, reason: lackText(probe) }));
    let judged: Judged = { failures: [], passed: [], undecided };
    const bound = { cgroupId: place.cgroupId, started: false, mode: 'enabled', isTransient: true } as const;
    enforcer.protect(CANARY_KEY, { ...bound, ruleSet: image.ruleSet });
    try {
      for (let rest = probes.filter((probe) => !lacks(probe)); rest.length > 0;) {
        const root = layOut(rest);
        rest = [...root.rest];
        judged = added(judged, await this.#tryRoot(root, image, { place, signal }));
      }
    } finally {
      enforcer.protect(CANARY_KEY, { ...bound, ruleSet: undefined });
    }
    const lost = (enforcer.counters()['alerts_lost'] ?? 0n) - lostBefore;
    if (lost === 0n || judged.failures.length === 0) return judged;
    // theirs may be among the lost
    const failures = judged.failures.filter(({ isUntold }) => !isUntold);
    if (failures.length > 0) return { ...judged, failures };
    logger.warn('a proof is repeated, as alerts were lost meanwhile', { lost });
    return undefined;
  }

  async #tryRoot(
    root: ReturnType<typeof layOut<Probe>>,
    { ruleSet: { rules } }: ImageProof,
    { place, signal }: { readonly place: CanaryPlace; readonly signal: AbortSignal },
  ): Promise<Judged> {
    this.#events = [];
    const answers = readAnswers(await place.run(planText(root), signal));
    const { enforcer } = this.#options;
    const evidence = (): Evidence => ({
      answers,
      events: this.#events,
      rules,
      ruleOf: ({ imageId, ruleId }) => (ruleId === undefined ? undefined : enforcer.ruleOf(imageId, ruleId)),
    });
    await this.#untilTold(() => isAllTold(root.probes, evidence()), signal);
    return judgeProbes(root.probes, evidence());
  }

  /** Resolves when all is told, or it took too long. */
  async #untilTold(isTold: () => boolean, signal: AbortSignal): Promise<void> {
    if (isTold()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEvent = () => isTold() && resolve();
    const timer = setTimeout(resolve, this.#options.evidenceMs ?? EVIDENCE_MS);
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await promise;
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
    this.#onEvent = () => {};
  }

  #tell(image: ImageProof, { failures }: Judged): void {
    const isNew = !image.hasFailed;
    for (const { message, probe } of isNew ? failures.slice(0, TOLD_MAX) : [])
      this.#options.logger.error('a canary failed: rules are not in force as they should be', {
        policies: policiesOf(probe, image),
        message,
      });
    if (failures.length === 0 && image.hasFailed)
      this.#options.logger.info('a canary passed again', { policies: [...image.policies].join(', ') });
  }

  async #leave(): Promise<void> {
    this.#options.enforcer.release(CANARY_KEY);
    const place = this.#place;
    this.#place = undefined;
    await this.#unlessItFails(place?.close());
  }

  /** A cgroup that stays behind is a nuisance, not more. */
  async #unlessItFails(work: Promise<void> | undefined): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      this.#options.logger.warn(error.message);
    }
  }
}

/** Events kept of one root: a root's accesses raise one or two each. */
const EVENTS_MAX = 1_024;
const TOLD_MAX = 8;

const lackText = ({ access }: Probe): string => `a canary cannot ${accessText(access)}: the agent itself does not have it`;

const added = (a: Judged, b: Judged): Judged => ({
  failures: [...a.failures, ...b.failures],
  passed: [...a.passed, ...b.passed],
  undecided: [...a.undecided, ...b.undecided],
});

function policiesOf(probe: Failure['probe'], { ruleSet, policies }: ImageProof): string {
  const mine = probe.proves.map((id) => ruleSet.rules[id]!).map((rule) => policyKey({ ...rule, name: rule.policy }));
  return [...new Set(mine.length === 0 ? policies : mine)].join(', ');
}
