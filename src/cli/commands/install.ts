// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { CLUSTER_OPTIONS } from '../cluster/cluster-flags.ts';
import type { Command, OptionSpec } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { INSTALL_FLAGS, UNINSTALL_FLAGS } from '../install/kubearmor-flags.ts';
import type { Io } from '../io.ts';

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

/** Of a machine without Kubernetes. */
const MACHINE: readonly OptionSpec[] = [
  { flags: '--nonk8s', summary: 'install the agent as a service of this machine: the package of a release' },
  {
    flags: '--from <place>',
    summary:
      'with --nonk8s: where releases are, an address or a folder (else KUBEARMOR_RELEASES); or a package kubearmor_VERSION_linux-ARCH.deb',
    completes: 'file',
  },
  { flags: '--sha256 <digits>', summary: 'with --nonk8s: of a package that is named itself: what it must be' },
];

const OPTIONS: readonly OptionSpec[] = [
  NAMESPACE,
  ...MACHINE,
  DRY_RUN,
  ...WAIT,
  { flags: '-a, --audit <families>', summary: 'default posture audit: all, file, network, capabilities', value: 'list' },
  { flags: '-b, --block <families>', summary: 'default posture block: all, file, network, capabilities', value: 'list' },
  { flags: '--viz <families>', summary: 'what is logged: process, file, network, capabilities, none', value: 'list' },
  ...IMAGES,
  {
    flags: '--take-over',
    summary: 'end another installation’s enforcers: the operator those in this namespace, with --nonk8s the service of this machine',
  },
  { flags: '--skip-deploy', summary: 'bring the operator alone, and print the KubeArmorConfig in place of applying it' },
  { flags: '--save', summary: 'write kubearmor.yaml and change nothing' },
  ...INSTALL_FLAGS.map(({ option }) => option),
  ...CLUSTER_OPTIONS,
];

const DETAILS = `Applies the operator and a KubeArmorConfig, and shows first what that changes. A KubeArmorConfig that is there is added to:
what these flags do not name stays. A second time changes nothing.

With --nonk8s it installs the package of a release on this machine, with apt-get, and as root. Nothing is installed whose SHA-256 is not the
one in the release’s list; no address is built in. Settings and policies that are there stay; --audit, --block, --viz and those of the host
go into /opt/kubearmor/kubearmor.yaml. --tag is the release. Nothing is installed beside KubeArmor’s own agent.

Examples:
  karmor install --dry-run
  karmor install --nonk8s --from https://releases.example.com/kubearmor --wait`;

/** Each way has files of its own, of which one is loaded. */
async function install(flags: Flags, io: Io, isUpgrade: boolean): Promise<ExitCode> {
  if (flags.isSet('nonk8s')) return (await import('../nonk8s/run-install.ts')).runMachineInstall(flags, io, isUpgrade);
  refuseMachineFlags(flags);
  return (await import('../install/run-install.ts')).runInstall(flags, io, isUpgrade);
}

/** What means nothing in a cluster must not be taken as if it did. */
function refuseMachineFlags(flags: Flags): void {
  const given = ['from', 'sha256'].find((name) => flags.isGiven(name));
  if (given !== undefined) throw new KubeArmorError('USAGE', `--${given}: it is of --nonk8s; a cluster’s images come from --registry`);
}

/** `karmor install`: the operator, and a KubeArmorConfig for it. */
export const installCommand: Command = {
  options: OPTIONS,
  details: DETAILS,
  run: async (_args, flags, io) => install(flags, io, false),
};

/** `karmor upgrade`: the same where something is installed. */
export const upgradeCommand: Command = {
  options: OPTIONS,
  details: DETAILS,
  run: async (_args, flags, io) => install(flags, io, true),
};

/** `karmor uninstall`: all of it, on nodes too. */
export const uninstallCommand: Command = {
  options: [
    PRESENT,
    { flags: '--nonk8s', summary: 'take the package of this machine out' },
    DRY_RUN,
    {
      flags: '--force',
      summary: 'remove policies and their definitions too (with --nonk8s: and settings), after writing the policies to a file',
    },
    { flags: '--backup <file>', summary: 'that file (default: kubearmor-policies-TIME.yaml here)', completes: 'file' },
    ...UNINSTALL_FLAGS.map(({ option }) => option),
    ...CLUSTER_OPTIONS,
  ],
  details: `Ends enforcement on every node, which may take two minutes, and removes what the operator installed, labels of nodes and the operator.
Nothing restarts a workload. The namespace stays, also one that \`karmor install\` made: others may have put something into it.

With --nonk8s, as root: ends what is in force on this machine and removes the package; where it cannot be ended the package stays.`,
  run: async (_args, flags, io) =>
    flags.isSet('nonk8s')
      ? (await import('../nonk8s/run-uninstall.ts')).runMachineUninstall(flags, io)
      : (await import('../install/run-uninstall.ts')).runUninstall(flags, io),
};
