// SPDX-License-Identifier: Apache-2.0
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';

/** `karmor policy status [POLICY…]`: what each comes to, with reasons by node; exit 1 if one is not in force. */
export const policyStatus: Command = {
  arguments: [
    { name: '[policy...]', summary: 'as `karmor policy list` names them, NAMESPACE/NAME, or NAME; none: all', completes: 'policy' },
  ],
  options: [
    { flags: '-n, --namespace <name>', summary: 'KubeArmorPolicies of this namespace alone', completes: 'namespace' },
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json'] },
    ...CLUSTER_OPTIONS,
  ],
  details: `Tells the conditions, the nodes where it is not in force and why, and who changed it last. It exits with 1 if a policy is not
wholly in force, or is not there.

Examples:
  karmor policy status ksp/shop/no-shell
  karmor policy status no-shell -n shop`,
  async run(names, flags, io) {
    const { printStatus } = await import('../cluster/policy-views.ts');
    return (await printStatus(names, flags, io)) ? EXIT_CODES.ok.code : EXIT_CODES.findings.code;
  },
};
