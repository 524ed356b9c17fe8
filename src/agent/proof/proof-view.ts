// SPDX-License-Identifier: Apache-2.0
import type { ImageProof } from './image-proof.ts';
import type { PolicyProof, ProofReason, Proofs, ProofState, ProofSummary } from './port.ts';

interface ProofViewOptions {
  readonly isOff: boolean;
  /** Distinct images in force. */
  readonly images: () => ReadonlyMap<string, ImageProof>;
  /** Those with rules of a policy, by its key: a node of a cluster is asked about every policy of it. */
  readonly imagesOf: (key: string) => readonly ImageProof[];
  readonly nowMs: () => number;
}

const REASONS_MAX = 8;
/** The first of these that holds for an image holds for the policy. */
const WORST_FIRST = ['Failed', 'Pending', 'Proven', 'Unprobed'] as const;

/** What others are told of proofs. */
export class ProofView implements Proofs {
  readonly #options: ProofViewOptions;
  readonly #listeners = new Set<() => void>();
  /** Why no canary can run here; undefined while one can. */
  trouble: string | undefined;
  #told = '';

  constructor(options: ProofViewOptions) {
    this.#options = options;
  }

  stateOf(key: string): PolicyProof {
    if (this.#options.isOff) return { ...NOTHING, state: 'Off' };
    const images = this.#options.imagesOf(key);
    if (images.length === 0) return { ...NOTHING, state: 'Idle' };
    const nowMs = this.#options.nowMs();
    const states = new Set(images.map((image) => image.stateOf(key, nowMs)));
    const state = WORST_FIRST.find((one) => states.has(one)) ?? 'Pending';
    const unprobed = new Map(images.flatMap((image) => image.unprobedOf(key).map((one) => [`${one.field} ${one.reason}`, one])));
    return {
      state,
      provenAt: oldest(images.map((image) => image.provenAt(key))),
      reasons: this.#reasonsOf(key, state, images).slice(0, REASONS_MAX),
      unprobed: [...unprobed.values()],
    };
  }

  #reasonsOf(key: string, state: ProofState, images: readonly ImageProof[]): ProofReason[] {
    if (state !== 'Failed' && state !== 'Pending') return [];
    const failed = new Map(images.flatMap((image) => image.reasonsOf(key).map((reason) => [`${reason.field} ${reason.message}`, reason])));
    if (failed.size > 0) return [...failed.values()];
    if (this.trouble !== undefined) return [{ code: 'CanaryCannotRun', message: this.trouble }];
    return [{ code: 'NotProvenYet', message: 'no canary has tried its rules within the last minute' }];
  }

  summary(): ProofSummary {
    const { isOff } = this.#options;
    const images = [...this.#options.images().values()];
    const failed = images.filter(({ hasFailed }) => hasFailed);
    const keys = new Set(images.flatMap(({ policies }) => [...policies]));
    const states = new Map([...keys].map((key) => [key, this.stateOf(key)]));
    const has = (state: ProofState): boolean => [...states.values()].some((proof) => proof.state === state);
    const problems = this.trouble === undefined ? [] : [`no rule can be proven: ${this.trouble}`];
    for (const [key, { state, reasons }] of states)
      if (state === 'Failed')
        problems.push(...reasons.map(({ field, message }) => `${key}${field === undefined ? '' : `: ${field}`}: ${message}`));
    return {
      state: isOff ? 'Off' : images.length === 0 ? 'Idle' : has('Failed') ? 'Failed' : has('Pending') ? 'Pending' : 'Proven',
      provenAt: oldest([...states.values()].map(({ provenAt }) => provenAt)),
      images: images.length,
      failed: failed.length,
      problems: problems.slice(0, REASONS_MAX),
    };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls the listeners if anything is not as it was told last; that a proof was repeated is no change. */
  tell(): void {
    const keys = new Set([...this.#options.images().values()].flatMap(({ policies }) => [...policies]));
    const states = [...keys].toSorted().map((key) => [key, { ...this.stateOf(key), provenAt: undefined }]);
    const now = JSON.stringify([this.trouble, states]);
    if (now === this.#told) return;
    this.#told = now;
    for (const listener of this.#listeners) listener();
  }
}

const NOTHING = { provenAt: undefined, reasons: [], unprobed: [] };

const oldest = (times: readonly (number | undefined)[]): number | undefined =>
  times.length === 0 || times.includes(undefined) ? undefined : Math.min(...times.filter((time) => time !== undefined));
