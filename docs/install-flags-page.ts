// SPDX-License-Identifier: Apache-2.0
import type { OptionSpec } from '../src/cli/command.ts';
import { installCommand, uninstallCommand } from '../src/cli/commands/install.ts';
import { INSTALL_FLAGS, UNINSTALL_FLAGS } from '../src/cli/install/kubearmor-flags.ts';
import type { KubeArmorFlag } from '../src/cli/install/kubearmor-flags.ts';

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;

/** Flags of ours that KubeArmor's tool has not. */
const OURS = new Set(['--dry-run', '--wait', '--take-over', '--backup']);
const ANSWERS = { refused: '**refused**', idle: 'does nothing, and says so' } as const;
const longOf = ({ flags }: OptionSpec): string => /--[\w-]+/.exec(flags)?.[0] ?? '';

function rows(options: readonly OptionSpec[], answered: readonly KubeArmorFlag[]): string[][] {
  return options
    .filter((option) => !OURS.has(longOf(option)))
    .map((option) => {
      const found = answered.find((one) => one.option === option);
      // The version in a package's name changes with each commit.
      const why = found?.why.replace(/kubearmor_\S+\.deb/, 'kubearmor_VERSION_linux-ARCH.deb') ?? option.summary;
      const but = found?.harmless === undefined ? '' : ', but for KubeArmor’s default';
      return [`\`${option.flags}\``, found === undefined ? 'taken' : ANSWERS[found.answer] + but, why];
    });
}

/** docs/reference/install-flags.md. */
export function installFlagsPage(table: Table): string {
  const head = ['flag', 'here', 'meaning, or the reason'];
  return `# Flags of KubeArmor’s karmor install

Every flag that KubeArmor's own \`karmor install\` and \`karmor uninstall\` have, and what becomes of it here. A refused flag ends the command
before anything is asked of the cluster. Where KubeArmor's default is given (\`--maxAlertPerSec=10\`, \`--annotateExisting=false\`) it is
taken without a word. Our own flags are in [karmor.md](karmor.md#install).

## install

${table(head, rows(installCommand.options ?? [], INSTALL_FLAGS))}

## uninstall

${table(head, rows(uninstallCommand.options ?? [], UNINSTALL_FLAGS))}

Without \`-n\` it takes out what it finds, as KubeArmor's; where there are two, it asks which. KubeArmor's \`--force\` also takes annotations off
workloads, which restarts them: nothing here puts annotations there. Its way out of a failed removal is its legacy
uninstaller; here the same command again goes on where it was.
`;
}
