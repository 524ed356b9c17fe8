// SPDX-License-Identifier: Apache-2.0
import type { Enforcer } from './enforcer.ts';
import { BpfLsmEnforcer } from './bpf-lsm/enforcer.ts';
import type { BpfLsmOptions } from './bpf-lsm/enforcer.ts';

export { HOST_CGROUP_ID } from './bpf-lsm/host-scope.ts';
export { EventDecoder } from './bpf-lsm/decode-event.ts';
export { claimPinDirectory, endLeftInForce, findLeftInForce } from './bpf-lsm/left-in-force.ts';
export type { LeftInForce, LeftInForcePlace } from './bpf-lsm/left-in-force.ts';
export { GATE_PATIENCE_MS } from './enforcer.ts';
export type { Counters, Enforcer, EnforcerReport, HeldTask, ProtectOptions, StartGate, Tampering, Usage, Visibility } from './enforcer.ts';
export type EnforcerOptions = BpfLsmOptions;

/** Opens the best enforcer of this node. */
export function openEnforcer(options: EnforcerOptions): Promise<Enforcer> {
  return BpfLsmEnforcer.open(options);
}
