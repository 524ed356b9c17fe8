// SPDX-License-Identifier: Apache-2.0
import type { OptionSpec } from '../src/cli/command.ts';
import { installCommand, uninstallCommand } from '../src/cli/commands/install.ts';
import { INSTALL_FLAGS, UNINSTALL_FLAGS } from '../src/cli/install/kubearmor-flags.ts';
import type { AnsweredFlag, KubeArmorFlag } from '../src/cli/install/kubearmor-flags.ts';
import { MACHINE_INSTALL_FLAGS, MACHINE_UNINSTALL_FLAGS } from '../src/cli/nonk8s/machine-flags.ts';

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;

/** Flags of ours that KubeArmor's tool has not. */
const OURS = new Set(['--dry-run', '--wait', '--take-over', '--backup', '--from', '--sha256']);
const ANSWERS = { taken: 'taken', refused: '**refused**', idle: 'does nothing, and says so' } as const;
const longOf = ({ flags }: Pick<OptionSpec, 'flags'>): string => /--[\w-]+/.exec(flags)?.[0] ?? '';

function rows(options: readonly OptionSpec[], answered: readonly KubeArmorFlag[]): string[][] {
  return options
    .filter((option) => !OURS.has(longOf(option)))
    .map((option) => {
      const found = answered.find((one) => one.option === option);
      return found === undefined ? [`\`${option.flags}\``, 'taken', option.summary] : row(found);
    });
}

function row({ option, answer, harmless, why }: AnsweredFlag): string[] {
  return [`\`${option.flags}\``, ANSWERS[answer] + (harmless === undefined ? '' : ', but for KubeArmor’s default'), why];
}

/** docs/reference/install-flags.md. */
export function installFlagsPage(table: Table): string {
  const head = ['flag', 'here', 'meaning, or the reason'];
  return `# Flags of KubeArmor’s karmor install

Every flag that KubeArmor's own \`karmor install\` and \`karmor uninstall\` have, and what becomes of it here. A refused flag ends the command
before anything is asked of the cluster or the machine. Where KubeArmor's default is given (\`--maxAlertPerSec=10\`, \`--annotateExisting=false\`) it is
taken without a word. Our own flags are in [karmor.md](karmor.md#install).

## install

${table(head, rows(installCommand.options ?? [], INSTALL_FLAGS))}

## uninstall

${table(head, rows(uninstallCommand.options ?? [], UNINSTALL_FLAGS))}

Without \`-n\` it takes out what it finds, as KubeArmor's; where there are two, it asks which. KubeArmor's \`--force\` also takes annotations off
workloads, which restarts them: nothing here puts annotations there. Its way out of a failed removal is its legacy
uninstaller; here the same command again goes on where it was.

## install --nonk8s

KubeArmor fetches an archive of the newest version it finds, unpacks it over \`/\` as root and starts its unit, or starts a privileged container
of Docker’s. Here it is the package of a release that is named with \`--from\`, by the machine’s package manager.

${table(head, MACHINE_INSTALL_FLAGS.map(row))}

What flags of postures and visibility name goes into \`/opt/kubearmor/kubearmor.yaml\`; what they do not name stays.

## uninstall --nonk8s

${table(head, MACHINE_UNINSTALL_FLAGS.map(row))}

KubeArmor’s declares \`--nonk8s\` there and never reads it: where its unit is on the machine, \`karmor uninstall\` removes that and leaves the
cluster’s alone. Here the flag decides.
`;
}
