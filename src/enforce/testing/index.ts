// SPDX-License-Identifier: Apache-2.0
export { EVENT, HOOK, OUTCOME } from '../bpf-lsm/event-layout.gen.ts';
export { parseState } from '../bpf-lsm/saved-state.ts';
export type { SavedState } from '../bpf-lsm/saved-state.ts';
