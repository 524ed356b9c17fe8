// SPDX-License-Identifier: Apache-2.0
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command } from '../command.ts';

/** `karmor sysdump`: what helps to find out why something does not work in a cluster, without its secrets. */
export const sysdump: Command = {
  options: [
    { flags: '-f, --file <file>', summary: 'the ZIP archive to write (default: karmor-sysdump-TIME.zip here)', completes: 'file' },
    {
      flags: '-n, --namespace <name>',
      summary: 'where KubeArmor is (default: kubearmor, else where its pods are)',
      completes: 'namespace',
    },
    { flags: '--all-pods', summary: 'also every pod of the cluster; KubeArmor always does' },
    ...CLUSTER_OPTIONS,
  ],
  details: `Holds nodes, policies of all kinds, KubeArmorConfigs, what \`karmor probe --full\` says, and of KubeArmor’s namespace pods, events and
the logs of each container, also of the one before a restart. manifest.json lists the files and what could not be read.
Of Secrets only the names of entries are taken, of environment variables only names; keys, tokens and passwords that can be told from
other text are taken out of logs. What else is a secret of yours it cannot know: look through it before you send it to anybody.
The file is readable by you alone, and none is written over. It exits with 4 where something could not be read.`,
  async run(_args, flags, io) {
    return (await import('../sysdump/run-sysdump.ts')).runSysdump(flags, io);
  },
};
