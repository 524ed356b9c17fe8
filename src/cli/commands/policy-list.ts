// SPDX-License-Identifier: Apache-2.0
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';

/** `karmor policy list`: every policy of the cluster in one table. */
export const policyList: Command = {
  options: [
    {
      flags: '-n, --namespace <name>',
      summary: 'KubeArmorPolicies of this namespace alone (default: every kind, everywhere)',
      completes: 'namespace',
    },
    { flags: '-A, --all-namespaces', summary: 'as without -n; what fingers type' },
    { flags: '-o, --output <format>', summary: 'how to print it', default: 'text', choices: ['text', 'json', 'name'] },
    ...CLUSTER_OPTIONS,
  ],
  details: `EFFECT is what the policy’s status says: enforced; idle (in force, and it selects nothing now); degraded (some rules are not
enforced somewhere); pending; not enforced; unknown (no word, or nodes are silent); refused (it cannot be honoured).
NODES is on how many of the nodes with workloads of it it is enforced. CHANGED is who wrote it last and when, from managed fields.
The cluster is that of --kubeconfig or --context, of KUBECONFIG, of this pod, or of ~/.kube/config. For an agent without Kubernetes:
\`karmor vm policy list\`.`,
  async run(_args, flags, io) {
    const { printPolicies } = await import('../cluster/policy-views.ts');
    await printPolicies(flags, io);
    return EXIT_CODES.ok.code;
  },
};
