// SPDX-License-Identifier: Apache-2.0
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command } from '../command.ts';

/** `karmor rotate-tls`: new certificates before the old ones are old. */
export const rotateTlsCommand: Command = {
  options: [
    {
      flags: '-n, --namespace <name>',
      summary: 'where KubeArmor is (default: kubearmor, else where its pods are)',
      completes: 'namespace',
    },
    { flags: '--dry-run', summary: 'say what would be done' },
    ...CLUSTER_OPTIONS,
  ],
  details: `Removes the Secrets of certificates one after the other; the controller (webhooks) and the operator (agents, relay, clients) make each
anew, and the next is not touched before it is there. Nothing is restarted. They do so by themselves before a certificate ends: this is for
a key that somebody may have seen. The authority’s own key stays.
Where the program that would make one anew does not run, nothing is changed.`,
  async run(_args, flags, io) {
    return (await import('../cluster/rotate-tls.ts')).rotateTls(flags, io);
  },
};
