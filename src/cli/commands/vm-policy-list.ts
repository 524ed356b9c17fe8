// SPDX-License-Identifier: Apache-2.0
import { AGENT_OPTIONS, connectAgent } from '../agent-address.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ProbeAnswer } from '../ports.ts';
import { tableLines } from '../table.ts';

/** `karmor vm policy list`: which policies the agent has, and on what. */
export const vmPolicyList: Command = {
  options: [{ flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] }, ...AGENT_OPTIONS],
  async run(_args, flags, io) {
    using agent = await connectAgent(flags, io);
    const answer = await agent.probe(io.signal);
    if (flags.text('output') === 'json') {
      await io.outJson(JSON.stringify({ schemaVersion: 1, ...answer }, undefined, 2));
      return EXIT_CODES.ok.code;
    }
    const rows = rowsOf(answer);
    if (rows.length === 0) await io.out('no policies');
    else for (const line of tableLines([['POLICY', 'APPLIES TO', 'MODE'], ...rows])) await io.out(line);
    return EXIT_CODES.ok.code;
  },
};

function rowsOf({ containers, hosts }: ProbeAnswer): string[][] {
  return [
    ...containers.flatMap(({ name, mode, policies }) => policies.map((policy) => [policy, `container ${name}`, mode])),
    ...hosts.flatMap(({ name, policies }) => policies.map((policy) => [policy, `host ${name}`, 'enabled'])),
  ].toSorted((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1));
}
