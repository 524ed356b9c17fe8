// SPDX-License-Identifier: Apache-2.0
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { errnoText, KubeArmorError } from '#base';
import { isMap } from '#policy';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { answerFlags } from '../install/kubearmor-flags.ts';
import type { Io } from '../io.ts';
import { MACHINE_UNINSTALL_FLAGS } from './machine-flags.ts';
import { HOME, PACKAGE, POLICY_FOLDER, SETTINGS_FILE } from './machine-port.ts';
import type { MachinePort, PackageState } from './machine-port.ts';
import { findOtherMake, refuseOtherMake } from './other-make.ts';

const DOING = 'uninstalling from this machine';
const KEPT = `${SETTINGS_FILE}, policies and certificates`;

type PolicyFiles = Awaited<ReturnType<MachinePort['policyFiles']>>;

/**
 * `karmor uninstall --nonk8s`: the package, and what its agent left in force; with --force settings and policies too, which are written down
 * first.
 *
 * @throws {KubeArmorError} as `karmor install --nonk8s`; `HOST_IO` where enforcement cannot be ended: the package stays
 */
export async function runMachineUninstall(flags: Flags, io: Io): Promise<ExitCode> {
  answerFlags(MACHINE_UNINSTALL_FLAGS, flags, io);
  const machine = await io.machine();
  const [purges, isDryRun] = [flags.isSet('force'), flags.isSet('dryRun')];
  assertPossible(machine, isDryRun);
  refuseOtherMake(await findOtherMake(machine, io), DOING, 'it goes with what brought it');
  const before = await machine.installed();
  for (const line of planLines(before, purges)) await io.out(line);
  if (isDryRun || !isRemoved(before, purges)) return EXIT_CODES.ok.code;
  const policies = purges ? await machine.policyFiles() : [];
  if (policies.length > 0) await backUp(policies, flags.text('backup') ?? backupName(io), io);
  for (const line of await machine.remove(purges)) io.err(line);
  await io.out(`removed from this machine${purges ? '' : `; ${KEPT} stay (--force removes them too)`}`);
  return EXIT_CODES.ok.code;
}

function assertPossible({ installer, isRoot }: MachinePort, isDryRun: boolean): void {
  if (installer === undefined)
    throw new KubeArmorError('NOT_SUPPORTED', `${DOING}: neither apt-get nor dpkg is here, so no package is installed`);
  if (!isRoot && !isDryRun) throw new KubeArmorError('USAGE', `${DOING} needs root: sudo karmor …`);
}

/** Whether there is anything to remove. */
const isRemoved = (before: PackageState | undefined, purges: boolean): boolean =>
  before !== undefined && (purges || before.state !== 'settings');

function planLines(before: PackageState | undefined, purges: boolean): string[] {
  if (before === undefined) return [`the package ${PACKAGE} is not installed on this machine`];
  if (before.state !== 'settings')
    return [`- package ${PACKAGE}: ${before.version}; what its agent has in force ends`, ...(purges ? [`- ${KEPT}`] : [])];
  return purges ? [`- ${KEPT}`] : [`the package ${PACKAGE} is not installed on this machine; ${KEPT} are there (--force removes them too)`];
}

const backupName = (io: Io): string => `kubearmor-policies-${new Date(io.wallMs()).toISOString().slice(0, 19).replaceAll(':', '')}.yaml`;

/** KubeArmor's own agent keeps a policy as one JSON object without its apiVersion; given back it needs one. */
function givenBack(text: string): string {
  if (!text.startsWith('{')) return text.replace(/^---\s*\n/, '');
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) ? JSON.stringify({ apiVersion: 'security.kubearmor.com/v1', ...value }) : text;
  } catch {
    return text;
  }
}

/** All files in one, under their names. Nothing is removed where this fails. */
async function backUp(policies: PolicyFiles, path: string, io: Io): Promise<void> {
  if (`${resolve(path)}/`.startsWith(`${HOME}/`))
    throw new KubeArmorError('USAGE', `--backup ${path}: ${HOME} is removed too: name another folder`);
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(policies.map(({ name, text }) => `# ${POLICY_FOLDER}/${name}\n${givenBack(text).trimEnd()}\n`).join('---\n'));
    await file.sync();
  } catch (error) {
    throw new KubeArmorError('HOST_IO', `writing ${path}: ${errnoText(error)}; nothing was removed`, { cause: error });
  }
  const broken = policies.filter(({ text }) => parseAllDocuments(text).some(({ errors }) => errors.length > 0));
  for (const { name } of broken) io.err(`${POLICY_FOLDER}/${name} is no YAML: it is in the copy as it was`);
  await io.out(`the policies of ${policies.length} files are in ${path}`);
}
