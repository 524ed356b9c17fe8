// SPDX-License-Identifier: Apache-2.0
import { AGENT_OPTIONS, connectAgent } from '../agent-address.ts';
import type { Command } from '../command.ts';
import { confirmTrials } from '../trial.ts';

/** `karmor vm policy confirm NAME…`: what `karmor vm policy add --confirm` put in force on trial stays. */
export const vmPolicyConfirm: Command = {
  arguments: [{ name: '<name...>', summary: 'names of policies that are on trial' }],
  options: AGENT_OPTIONS,
  details: `Example:
  karmor vm policy confirm block-tmp`,
  async run(names, flags, io) {
    using agent = await connectAgent(flags, io);
    return await confirmTrials(names, agent, io);
  },
};
