// SPDX-License-Identifier: Apache-2.0
import type { Moment, NodeReport, PolicyReason } from '#cluster';
import type { Policy } from '#policy';
import { policyKey } from '../policy-identity.ts';
import { PROOF_FRESH_MS } from '../proof/port.ts';
import type { PolicyProof, Proofs } from '../proof/port.ts';

/** What a report says of a policy that is loaded: nothing speaks against it, or why it is not called enforced. */
export interface ProofWord {
  readonly state: 'Enforced' | 'Failed' | 'Pending';
  readonly reasons: readonly PolicyReason[];
}

const OFF: PolicyReason = { code: 'ProofOff', message: 'nothing is proven on this node: proofEvery is 0' };

/**
 * Proofs as a node's report tells them (ADR 23, 27).
 *
 * A change of one policy makes new images, and every policy in them waits for a canary again. One that was proven within the last minute and
 * has not changed itself is still called so: else its status would flicker with every change of another.
 */
export class ReportedProofs {
  readonly #proofs: Proofs;
  readonly #now: () => Moment;
  /** When each policy was seen proven last, by the steady clock: one that is set back keeps no old word alive. Another version of a policy is another value. */
  readonly #provenAt = new WeakMap<Policy, number>();
  #since: { readonly at: string; lastMs: number } | undefined;

  constructor(proofs: Proofs, now: () => Moment = readClocks) {
    this.#proofs = proofs;
    this.#now = now;
  }

  wordOf(policy: Policy): ProofWord {
    const proof = this.#proofs.stateOf(policyKey(policy));
    const nowMs = this.#now().steadyMs;
    switch (proof.state) {
      case 'Proven':
        this.#provenAt.set(policy, nowMs);
        return { state: 'Enforced', reasons: [] };
      case 'Unprobed':
      case 'Idle':
        return { state: 'Enforced', reasons: [] };
      case 'Off':
        return { state: 'Pending', reasons: [OFF] };
      case 'Failed':
        this.#provenAt.delete(policy);
        return { state: 'Failed', reasons: reasonsOf(proof) };
      case 'Pending':
        return this.#isRecent(policy, proof, nowMs) ? { state: 'Enforced', reasons: [] } : { state: 'Pending', reasons: reasonsOf(proof) };
    }
  }

  /** Of all images; undefined where there is none, or nothing is proven here. */
  summary(): NodeReport['proof'] {
    const { state, images, failed } = this.#proofs.summary();
    const { steadyMs: nowMs, wallMs } = this.#now();
    if (state === 'Proven') this.#since = { at: this.#since?.at ?? new Date(wallMs).toISOString(), lastMs: nowMs };
    else if (state !== 'Pending' || nowMs - (this.#since?.lastMs ?? Number.NEGATIVE_INFINITY) > PROOF_FRESH_MS) this.#since = undefined;
    if (images === 0 || state === 'Off') return undefined;
    return { ...(this.#since === undefined ? {} : { since: this.#since.at }), images, failed };
  }

  #isRecent(policy: Policy, { reasons }: PolicyProof, nowMs: number): boolean {
    const waits = reasons.every(({ code }) => code === 'NotProvenYet');
    return waits && nowMs - (this.#provenAt.get(policy) ?? -Infinity) < PROOF_FRESH_MS;
  }
}

const readClocks = (): Moment => ({ steadyMs: performance.now(), wallMs: Date.now() });

const reasonsOf = ({ reasons }: PolicyProof): PolicyReason[] =>
  reasons.map(({ code, field, message }) => ({ code, ...(field === undefined ? {} : { rule: field }), message }));
