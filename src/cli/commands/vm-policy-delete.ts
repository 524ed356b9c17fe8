// SPDX-License-Identifier: Apache-2.0
import { AGENT_OPTIONS } from '../agent-address.ts';
import type { Command } from '../command.ts';
import { sendPolicies } from '../send-policies.ts';

/** `karmor vm policy delete FILE…`: takes back the policies that the files name. */
export const vmPolicyDelete: Command = {
  arguments: [{ name: '<file...>', summary: 'the files that were added (kind and name count), folders, - for stdin', completes: 'file' }],
  options: AGENT_OPTIONS,
  run: (names, flags, io) => sendPolicies('DELETED', names, flags, io),
};
