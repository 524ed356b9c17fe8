// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Command } from '../command.ts';

/** `karmor selfupdate`: from where the user says, never from elsewhere. */
export const selfupdate: Command = {
  arguments: [{ name: '[tag]', summary: 'the release, like v1.2.3; none: the latest' }],
  options: [
    {
      flags: '--from <place>',
      summary: 'where releases are: an address or a folder (else KUBEARMOR_RELEASES); or an archive karmor_VERSION_linux_ARCH.tar.gz',
      completes: 'file',
    },
    { flags: '--sha256 <digits>', summary: 'of an archive that is named itself: what it must be' },
  ],
  details: `Renews what install.sh installed. Nothing is installed whose SHA-256 is not the one in the release’s list, or the one given, and
what was there stays until the new one is whole and has run; the version before stays beside it. No address is built in: KubeArmor’s own
asks GitHub, this one the place that is named.

Examples:
  karmor selfupdate --from https://releases.example.com/kubearmor
  karmor selfupdate v1.2.3 --from /mnt/releases`,
  async run([tag], flags, io) {
    const from = flags.text('from') ?? io.env.KUBEARMOR_RELEASES ?? '';
    if (from === '') throw new KubeArmorError('USAGE', 'where are the releases? give --from, or set KUBEARMOR_RELEASES');
    const { selfUpdate } = await import('../selfupdate/run-selfupdate.ts');
    return selfUpdate({ from, tag, sha256: flags.text('sha256') }, io);
  },
};
