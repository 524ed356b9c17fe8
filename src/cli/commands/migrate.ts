// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CLUSTER_OPTIONS, INSTALLATION_OPTION } from '../cluster/cluster-flags.ts';
import type { Command } from '../command.ts';
import type { Flags } from '../flags.ts';
import { WORKLOAD_OPTIONS } from '../workload-flags.ts';

const POSTURE_OPTIONS = WORKLOAD_OPTIONS.filter(({ flags }) => flags.startsWith('--posture'));

/** `karmor migrate`: moving over from KubeArmor 1.7, and the way back. */
export const migrate: Command = {
  arguments: [{ name: '[what]', summary: 'for --check: a file or folder of policies, or cluster (default)', completes: 'file' }],
  options: [
    { flags: '--check', summary: 'list every policy that decides otherwise here than with KubeArmor 1.7, with an access that shows it' },
    {
      flags: '--backup <file>',
      summary: 'write policies, KubeArmorConfig, kubearmor-config and namespaces’ annotations to this file',
      completes: 'file',
    },
    { flags: '--restore <file>', summary: 'put back what --backup wrote', completes: 'file' },
    { flags: '--dry-run', summary: 'with --restore: ask the server what it would do, and change nothing' },
    { flags: '--split-usr', summary: 'for --check: containers have a /bin of their own (else /bin, /sbin and /lib are links into /usr)' },
    { flags: '-o, --output <format>', summary: 'for --check: how to print it', default: 'text', choices: ['text', 'json'] },
    ...POSTURE_OPTIONS,
    ...CLUSTER_OPTIONS,
    INSTALLATION_OPTION,
  ],
  details: `--check compares what KubeArmor 1.7 with its BPF-LSM enforcer does and what is done here: its accesses are found by looking at the
rules of both, so a policy that is not named decides the same for every access to a name, socket or capability. Its AppArmor enforcer
decides otherwise in more ways, and is not compared. Ways around KubeArmor’s rules that are closed here (mounts, memfd, truncating,
kill -9 of the agent) are no differences of a rule; docs/guide/migrate.md lists them, and all reasons. Nothing is changed.
It exits with 1 if a policy decides otherwise, 65 if one is refused here.

Examples:
  karmor migrate --check policies/
  karmor migrate --check cluster --context prod
  karmor migrate --backup before.json`,
  async run([what], flags, io) {
    const chosen = chosenOf(flags);
    if (chosen !== 'check' && what !== undefined) throw new KubeArmorError('USAGE', `${what}: only --check takes a name`);
    if (chosen !== 'restore' && flags.isSet('dryRun')) throw new KubeArmorError('USAGE', '--dry-run goes with --restore');
    if (chosen === 'check') return (await import('../migrate/check.ts')).runCheck(what ?? 'cluster', flags, io);
    const { runBackup, runRestore } = await import('../migrate/backup.ts');
    const path = flags.text(chosen) ?? '';
    return chosen === 'backup' ? runBackup(path, flags, io) : runRestore(path, flags, io);
  },
};

function chosenOf(flags: Flags): 'check' | 'backup' | 'restore' {
  const chosen = (['check', 'backup', 'restore'] as const).filter((name) => flags.isSet(name) || flags.text(name) !== undefined);
  const [one] = chosen;
  if (one === undefined || chosen.length > 1) throw new KubeArmorError('USAGE', 'give one of --check, --backup FILE and --restore FILE');
  return one;
}
