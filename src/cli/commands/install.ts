// SPDX-License-Identifier: Apache-2.0
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command, OptionSpec } from '../command.ts';
import { INSTALL_FLAGS, UNINSTALL_FLAGS } from '../install/kubearmor-flags.ts';

const NAMESPACE: OptionSpec = {
  flags: '-n, --namespace <name>',
  summary: 'where KubeArmor is, or goes',
  default: 'kubearmor',
  completes: 'namespace',
};
const PRESENT: OptionSpec = {
  flags: '-n, --namespace <name>',
  summary: 'where KubeArmor is (default: where its operator is)',
  completes: 'namespace',
};
const DRY_RUN: OptionSpec = { flags: '--dry-run', summary: 'say what would be changed, and change nothing' };
const WAIT: readonly OptionSpec[] = [
  { flags: '--wait', summary: 'wait until everything runs and is ready, 10 minutes at most' },
  { flags: '--verify [bool]', summary: 'as --wait: KubeArmor’s name for it', value: 'switch' },
];

const IMAGES: readonly OptionSpec[] = [
  { flags: '-i, --image <image>', summary: 'of agents' },
  { flags: '--operator-image <image>', summary: 'of the operator' },
  { flags: '--controller-image <image>', summary: 'of the controller' },
  { flags: '--relay-image <image>', summary: 'of the relay' },
  { flags: '-t, --tag <tag>', summary: 'of every image that is not named whole (default: as it is, else that of this karmor)' },
  { flags: '--operator-tag <tag>', summary: 'of the operator’s' },
  { flags: '--controller-tag <tag>', summary: 'of the controller’s' },
  { flags: '--relay-tag <tag>', summary: 'of the relay’s' },
  { flags: '-r, --registry <address>', summary: 'where images come from (default: as it is, else docker.io)' },
  {
    flags: '--preserve-upstream [bool]',
    summary: 'false: names of images without their first part, as REGISTRY/kubearmor:TAG (default: as it is, else true)',
    value: 'switch',
  },
  { flags: '--local', summary: 'take images that are on nodes already: so it is without it too' },
];

const OPTIONS: readonly OptionSpec[] = [
  NAMESPACE,
  DRY_RUN,
  ...WAIT,
  { flags: '-a, --audit <families>', summary: 'default posture audit: all, file, network, capabilities', value: 'list' },
  { flags: '-b, --block <families>', summary: 'default posture block: all, file, network, capabilities', value: 'list' },
  { flags: '--viz <families>', summary: 'what is logged: process, file, network, capabilities, none', value: 'list' },
  ...IMAGES,
  { flags: '--take-over', summary: 'let the operator end another installation’s enforcers in this namespace' },
  { flags: '--skip-deploy', summary: 'bring the operator alone, and print the KubeArmorConfig in place of applying it' },
  { flags: '--save', summary: 'write kubearmor.yaml and change nothing' },
  ...INSTALL_FLAGS.map(({ option }) => option),
  ...CLUSTER_OPTIONS,
];

const DETAILS = `Applies the operator and a KubeArmorConfig, and shows first what that changes. A KubeArmorConfig that is there is added to:
what these flags do not name stays. A second time changes nothing.`;

/** `karmor install`: the operator, and a KubeArmorConfig for it. */
export const installCommand: Command = {
  options: OPTIONS,
  details: DETAILS,
  run: async (_args, flags, io) => (await import('../install/run-install.ts')).runInstall(flags, io, false),
};

/** `karmor upgrade`: the same where something is installed. */
export const upgradeCommand: Command = {
  options: OPTIONS,
  details: DETAILS,
  run: async (_args, flags, io) => (await import('../install/run-install.ts')).runInstall(flags, io, true),
};

/** `karmor uninstall`: all of it, on nodes too. */
export const uninstallCommand: Command = {
  options: [
    PRESENT,
    DRY_RUN,
    { flags: '--force', summary: 'remove policies and their definitions too, after writing the policies to a file' },
    { flags: '--backup <file>', summary: 'that file (default: kubearmor-policies-TIME.yaml here)', completes: 'file' },
    ...UNINSTALL_FLAGS.map(({ option }) => option),
    ...CLUSTER_OPTIONS,
  ],
  details: `Ends enforcement on every node, which may take two minutes, and removes what the operator installed, labels of nodes and the operator.
Nothing restarts a workload. The namespace stays, also one that \`karmor install\` made: others may have put something into it.`,
  run: async (_args, flags, io) => (await import('../install/run-uninstall.ts')).runUninstall(flags, io),
};
