// SPDX-License-Identifier: Apache-2.0
import { AGENT_OPTIONS } from '../agent-address.ts';
import type { Command } from '../command.ts';
import { sendPolicies } from '../send-policies.ts';

/** `karmor vm policy add FILE…`: sends every document; nothing if any of them has an error. */
export const vmPolicyAdd: Command = {
  arguments: [{ name: '<file...>', summary: 'files, folders, - for stdin', completes: 'file' }],
  options: AGENT_OPTIONS,
  details: `Every document is checked first; with an error anywhere nothing is sent. Adding a policy again replaces it.

Examples:
  karmor vm policy add block-shells.yaml
  karmor vm --gRPC=unix:///run/kubearmor/kubearmor.sock policy add policies/`,
  run: (names, flags, io) => sendPolicies('ADDED', names, flags, io),
};
