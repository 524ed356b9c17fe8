// SPDX-License-Identifier: Apache-2.0
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command } from '../command.ts';

/** `karmor policy match [FILE…]`: which pods and nodes policies select now; exit 1 if one selects nothing. */
export const policyMatch: Command = {
  arguments: [{ name: '[file...]', summary: 'policies in files or folders, - for stdin; none: those of the cluster', completes: 'file' }],
  options: [
    { flags: '-n, --namespace <name>', summary: 'pods of this namespace alone', completes: 'namespace' },
    { flags: '--pod <name>', summary: 'this pod alone: which policies are on it', completes: 'pod' },
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
    ...CLUSTER_OPTIONS,
  ],
  details: `Looks at the pods and nodes that are there now. With files it tells too which policies of the cluster are on the same pods: the most
specific rule decides between them, and an Allow rule closes its family for all. Nothing is sent to the cluster.
It exits with 1 if a policy selects nothing.

Examples:
  karmor policy match web.yaml
  karmor policy match --pod web-1 -n shop`,
  async run(names, flags, io) {
    const { printMatches } = await import('../cluster/policy-matches.ts');
    return await printMatches(names, flags, io);
  },
};
