// SPDX-License-Identifier: Apache-2.0
import { AGENT_OPTIONS } from '../agent-address.ts';
import type { Command } from '../command.ts';
import { sendPolicies } from '../send-policies.ts';

/** `karmor vm policy add FILE…`: sends every document; nothing if any of them has an error. */
export const vmPolicyAdd: Command = {
  arguments: [{ name: '<file...>', summary: 'files, folders, - for stdin', completes: 'file' }],
  options: [
    {
      flags: '--confirm <duration>',
      summary: 'on trial: the agent itself puts back what was before unless it is confirmed in this time (60s, 5m)',
    },
    { flags: '--force', summary: 'host policies also where they would stop init, sshd, the container runtime, kubelet or the agent' },
    ...AGENT_OPTIONS,
  ],
  details: `Every document is checked first; with an error anywhere nothing is sent. Adding a policy again replaces it.
With --confirm it is asked on the terminal whether to keep it; also, from anywhere: karmor vm policy confirm NAME.

Examples:
  karmor vm policy add block-shells.yaml
  karmor vm policy add --confirm 60s lock-down-host.yaml
  karmor vm --gRPC=unix:///run/kubearmor/kubearmor.sock policy add policies/`,
  run: (names, flags, io) => sendPolicies('ADDED', names, flags, io),
};
