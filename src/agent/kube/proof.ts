// SPDX-License-Identifier: Apache-2.0
import { LOADED_NOT_PROVEN, RULE_NOT_TRIED } from '#cluster';
import type { Moment, NodeReport, PolicyReason } from '#cluster';
import type { Policy } from '#policy';
import { policyKey } from '../policy-identity.ts';
import { PROOF_FRESH_MS } from '../proof/port.ts';
import type { PolicyProof, Proofs } from '../proof/port.ts';

/** What a report says of a policy that is loaded. */
export interface ProofWord {
  readonly state: 'Enforced' | 'Failed' | 'Pending';
  /** Why it is not called enforced; of one that is: its rules that no canary tries. */
  readonly reasons: readonly PolicyReason[];
}

const OFF: PolicyReason = { code: 'ProofOff', message: 'nothing is proven on this node: proofEvery is 0' };

/** @param why in one clause, and what it is about */
const notProven = (why: string): PolicyReason => ({ code: LOADED_NOT_PROVEN, message: `its rules are loaded, and ${why}` });

interface Seen {
  readonly ms: number;
  readonly untried: readonly PolicyReason[];
}

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
  readonly #proven = new WeakMap<Policy, Seen>();
  #since: { readonly at: string; lastMs: number } | undefined;

  constructor(proofs: Proofs, now: () => Moment = readClocks) {
    this.#proofs = proofs;
    this.#now = now;
  }

  wordOf(policy: Policy): ProofWord {
    const proof = this.#proofs.stateOf(policyKey(policy));
    const nowMs = this.#now().steadyMs;
    switch (proof.state) {
      case 'Proven': {
        const untried = untriedOf(proof);
        this.#proven.set(policy, { ms: nowMs, untried });
        return { state: 'Enforced', reasons: untried };
      }
      case 'Unprobed':
        return { state: 'Pending', reasons: [notProven('no canary can try any of them on this node'), ...untriedOf(proof)] };
      case 'Idle':
        return { state: 'Pending', reasons: [notProven('none of them is among what a canary tries on this node')] };
      case 'Off':
        return { state: 'Pending', reasons: [OFF] };
      case 'Failed':
        this.#proven.delete(policy);
        return { state: 'Failed', reasons: reasonsOf(proof) };
      case 'Pending': {
        const recent = this.#recent(policy, proof, nowMs);
        return recent === undefined ? { state: 'Pending', reasons: reasonsOf(proof) } : { state: 'Enforced', reasons: recent.untried };
      }
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

  #recent(policy: Policy, { reasons }: PolicyProof, nowMs: number): Seen | undefined {
    const seen = this.#proven.get(policy);
    const waits = reasons.every(({ code }) => code === 'NotProvenYet');
    return waits && seen !== undefined && nowMs - seen.ms < PROOF_FRESH_MS ? seen : undefined;
  }
}

const readClocks = (): Moment => ({ steadyMs: performance.now(), wallMs: Date.now() });

const reasonsOf = ({ reasons }: PolicyProof): PolicyReason[] =>
  reasons.map(({ code, field, message }) => ({ code, ...(field === undefined ? {} : { rule: field }), message }));

/** Rules that no canary tries, by their reasons: they are loaded with the others, and no more is known of them. */
const untriedOf = ({ unprobed }: PolicyProof): PolicyReason[] =>
  unprobed.map(({ field, reason }) => ({ code: RULE_NOT_TRIED, rule: field, message: reason }));
