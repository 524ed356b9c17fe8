// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyProof, Proofs, ProofState, ProofSummary } from '../proof/port.ts';
import { policy } from '../testing/samples.ts';
import { ReportedProofs } from './proof.ts';

/** Says what it is told to. */
class Told implements Proofs {
  state: ProofState = 'Proven';
  reasons: PolicyProof['reasons'] = [];
  unprobed: PolicyProof['unprobed'] = [];
  images = 1;

  stateOf(): PolicyProof {
    return { state: this.state, provenAt: undefined, reasons: this.reasons, unprobed: this.unprobed };
  }
  summary(): ProofSummary {
    const state = this.state === 'Unprobed' ? 'Proven' : this.state;
    return { state, provenAt: undefined, images: this.images, failed: Number(this.state === 'Failed'), problems: [] };
  }
  onChange(): () => void {
    return () => {};
  }
}

function reported(): { told: Told; clock: { nowMs: number; wallMs: number }; proofs: ReportedProofs } {
  const [told, clock] = [new Told(), { nowMs: 1_000_000, wallMs: 0 }];
  return { told, clock, proofs: new ReportedProofs(told, () => ({ steadyMs: clock.nowMs, wallMs: clock.nowMs + clock.wallMs })) };
}
const WAITING = { code: 'NotProvenYet', message: 'no canary has tried its rules within the last minute' } as const;

test('a policy that was proven lately stays so while new images wait for a canary; another version of it does not', () => {
  const { told, clock, proofs } = reported();
  const one = policy('p');
  assert.equal(proofs.wordOf(one).state, 'Enforced');
  [told.state, told.reasons] = ['Pending', [WAITING]];
  clock.nowMs += 59_000;
  assert.equal(proofs.wordOf(one).state, 'Enforced');
  assert.deepEqual(proofs.wordOf(policy('p')), { state: 'Pending', reasons: [WAITING] });
  clock.nowMs += 2_000;
  assert.equal(proofs.wordOf(one).state, 'Pending', 'a minute is over');
});

test('a failure counts at once, and what was before it no more', () => {
  const { told, proofs } = reported();
  const one = policy('p');
  proofs.wordOf(one);
  [told.state, told.reasons] = ['Failed', [{ code: 'CanaryFailed', field: 'spec.file.matchPaths[0]', message: 'open r /x: passed' }]];
  assert.deepEqual(proofs.wordOf(one), {
    state: 'Failed',
    reasons: [{ code: 'CanaryFailed', rule: 'spec.file.matchPaths[0]', message: 'open r /x: passed' }],
  });
  [told.state, told.reasons] = ['Pending', [WAITING]];
  assert.equal(proofs.wordOf(one).state, 'Pending');
});

test('a canary that cannot run is no wait, and without canaries nothing is called enforced', () => {
  const { told, proofs } = reported();
  const one = policy('p');
  proofs.wordOf(one);
  [told.state, told.reasons] = ['Pending', [{ code: 'CanaryCannotRun', message: 'no cgroup version 2' }]];
  assert.equal(proofs.wordOf(one).state, 'Pending');
  told.state = 'Off';
  assert.deepEqual([proofs.wordOf(one).state, proofs.wordOf(one).reasons[0]?.code, proofs.summary()], ['Pending', 'ProofOff', undefined]);
});

const RAW = {
  field: 'spec.capabilities.matchCapabilities[0]',
  reason: 'a canary cannot use CAP_NET_RAW: the agent itself does not have it',
};
const RAW_REASON = { code: 'RuleNotTried', rule: RAW.field, message: RAW.reason };

test('what no canary can try is loaded and not called enforced', () => {
  const { told, proofs } = reported();
  [told.state, told.unprobed] = ['Unprobed', [RAW]];
  const unprobed = proofs.wordOf(policy('p'));
  assert.deepEqual([unprobed.state, unprobed.reasons[0]?.code, unprobed.reasons[1]], ['Pending', 'LoadedNotProven', RAW_REASON]);
  [told.state, told.unprobed] = ['Idle', []];
  const idle = proofs.wordOf(policy('p'));
  assert.deepEqual([idle.state, idle.reasons.map(({ code }) => code)], ['Pending', ['LoadedNotProven']]);
});

test('of a policy that is called enforced the rules are named that no canary tries, also while new images wait', () => {
  const { told, proofs } = reported();
  const one = policy('p');
  told.unprobed = [RAW];
  const word = { state: 'Enforced', reasons: [RAW_REASON] };
  assert.deepEqual(proofs.wordOf(one), word);
  [told.state, told.reasons, told.unprobed] = ['Pending', [WAITING], []];
  assert.deepEqual(proofs.wordOf(one), word);
});

test('since when all is proven does not move with every round, and ends with a failure', () => {
  const { told, clock, proofs } = reported();
  const since = proofs.summary();
  assert.deepEqual(since, { since: new Date(1_000_000).toISOString(), images: 1, failed: 0 });
  clock.nowMs += 20_000;
  told.state = 'Pending';
  assert.deepEqual(proofs.summary(), since, 'new images wait');
  told.state = 'Failed';
  assert.deepEqual(proofs.summary(), { images: 1, failed: 1 });
  told.state = 'Proven';
  assert.deepEqual(proofs.summary()?.since, new Date(1_020_000).toISOString());
  told.images = 0;
  assert.equal(proofs.summary(), undefined);
});

test('a clock that jumps makes nothing older or younger', () => {
  const { told, clock, proofs } = reported();
  const one = policy('p');
  proofs.wordOf(one);
  [told.state, told.reasons] = ['Pending', [WAITING]];
  clock.wallMs = 3_600_000;
  assert.equal(proofs.wordOf(one).state, 'Enforced', 'no minute has passed');
  clock.wallMs = -3_600_000;
  clock.nowMs += 61_000;
  assert.equal(proofs.wordOf(one).state, 'Pending', 'a minute has passed');
});
