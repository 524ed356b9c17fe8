// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Flags } from '../flags.ts';
import { answerFlags } from '../install/kubearmor-flags.ts';
import type { Io } from '../io.ts';
import { findRelease, MACHINE_PACKAGE } from '../release/fetch-release.ts';
import type { Release, Source } from '../release/fetch-release.ts';
import { MACHINE_INSTALL_FLAGS } from './machine-flags.ts';
import { HOME, PACKAGE, POLICY_FOLDER, SETTINGS_FILE } from './machine-port.ts';
import type { MachinePort, PackageFields, PackageState } from './machine-port.ts';
import { findOtherMake, refuseOtherMake, stopOtherMake } from './other-make.ts';
import type { OtherMake } from './other-make.ts';
import { askedSettings, settingChanges, withSettings } from './settings.ts';
import type { SettingChange, Settings } from './settings.ts';
import { isAnswered, untilAnswered } from './until-answered.ts';

const DOING = 'installing on this machine';

/** What is there, and what was asked for. */
interface Situation {
  readonly machine: MachinePort;
  readonly before: PackageState | undefined;
  readonly other: OtherMake;
  readonly settings: Settings;
}

/** A package that was fetched and checked. */
interface Offer {
  readonly release: Release;
  readonly file: string;
  readonly fields: PackageFields;
}

/**
 * `karmor install --nonk8s` and `karmor upgrade --nonk8s`: the package of a release, by the machine's package manager.
 *
 * @param isUpgrade the package has to be installed
 * @throws {KubeArmorError} `USAGE` for flags and releases, `NOT_SUPPORTED` for machines, `HOST_IO` where a program or a file fails
 */
export async function runMachineInstall(flags: Flags, io: Io, isUpgrade: boolean): Promise<ExitCode> {
  answerFlags(MACHINE_INSTALL_FLAGS, flags, io);
  const settings = askedSettings(flags);
  const source = sourceOf(flags, io);
  const machine = await io.machine();
  const isDryRun = flags.isSet('dryRun');
  assertPossible(machine, isDryRun);
  const situation = { machine, before: await machine.installed(), other: await findOtherMake(machine, io), settings };
  await assertFree(situation, flags, io, isUpgrade);
  const release = await findRelease(MACHINE_PACKAGE, source, io.signal);
  await using kept = await machine.keep(await release.fetch(), `${PACKAGE}.deb`);
  const offer = { release, file: kept.file, fields: await machine.fieldsOf(kept.file) };
  const plan = await planOf(situation, offer, source.tag !== undefined || source.sha256 !== undefined);
  for (const line of planLines(situation, offer, plan)) await io.out(line);
  if (isDryRun) return EXIT_CODES.ok.code;
  await carryOut(situation, offer, plan, io);
  const code = flags.isSet('wait') || flags.isSet('verify') ? await untilAnswered(machine, io) : EXIT_CODES.ok.code;
  await io.out('whether it enforces, and what to do if not: sudo karmor probe');
  return code;
}

function sourceOf(flags: Flags, io: Io): Source {
  const from = flags.text('from') ?? io.env.KUBEARMOR_RELEASES ?? '';
  if (from === '') throw new KubeArmorError('USAGE', `${DOING}: where are the releases? give --from, or set KUBEARMOR_RELEASES`);
  return { from, tag: flags.text('tag'), sha256: flags.text('sha256') };
}

function assertPossible({ installer, isRoot }: MachinePort, isDryRun: boolean): void {
  if (installer === undefined)
    throw new KubeArmorError(
      'NOT_SUPPORTED',
      `${DOING}: neither apt-get nor dpkg is here, and the release has no other package: docs/guide/install.md says how to unpack it by hand`,
    );
  if (!isRoot && !isDryRun) throw new KubeArmorError('USAGE', `${DOING} needs root: sudo karmor …, or --dry-run to see what it would do`);
}

/** Nothing else enforces here, or it was said that it is taken over. */
async function assertFree({ before, other }: Situation, flags: Flags, io: Io, isUpgrade: boolean): Promise<void> {
  if (!flags.isSet('takeOver')) refuseOtherMake(other, DOING, 'take it out, or have its service replaced with --take-over');
  const isOurs = before !== undefined && before.state !== 'settings' && !other.isPackage;
  if (isUpgrade && !isOurs)
    throw new KubeArmorError('NOT_SUPPORTED', `upgrading this machine: the package is not installed: \`karmor install --nonk8s\` does it`);
  if (!isOurs && other.parts.length === 0 && (await isAnswered(io)))
    throw new KubeArmorError(
      'NOT_SUPPORTED',
      `${DOING}: an agent runs here that no package brought: end it first; one that is the pod of a cluster protects this node already`,
    );
}

/** What there is to do. */
interface Plan {
  /** Absent: this version is installed. */
  readonly install?: { readonly isOlder: boolean };
  readonly changes: readonly SettingChange[];
}

/**
 * @param isNamed the version was chosen, and is not what happens to be the latest
 * @throws {KubeArmorError} `NOT_SUPPORTED` for an older version that nobody named
 */
async function planOf({ machine, before, other, settings }: Situation, { fields }: Offer, isNamed: boolean): Promise<Plan> {
  const isOurs = before?.state === 'installed' && !other.isPackage;
  const changes = settingChanges((await machine.readSettings()) ?? '', settings);
  if (isOurs && before.version === fields.version) return { changes };
  const isOlder = before !== undefined && (await machine.isOlder(fields.version, before.version));
  if (isOurs && isOlder && !isNamed)
    throw new KubeArmorError(
      'NOT_SUPPORTED',
      `${DOING}: ${fields.version} is older than ${before.version}, which is installed: name it with --tag if it is meant`,
    );
  return { install: { isOlder }, changes };
}

function planLines(situation: Situation, offer: Offer, plan: Plan): string[] {
  if (plan.install === undefined && plan.changes.length === 0)
    return [`nothing to change: ${PACKAGE} ${offer.fields.version} is installed already`];
  const settings = plan.changes.map(({ key, before, after }) =>
    before === undefined ? `+ ${key} of ${SETTINGS_FILE}: ${after}` : `~ ${key} of ${SETTINGS_FILE}: ${before} → ${after}`,
  );
  return [...(plan.install === undefined ? [] : packageLines(situation, offer)), ...settings];
}

async function carryOut({ machine, other, settings }: Situation, offer: Offer, plan: Plan, io: Io): Promise<void> {
  if (other.parts.length > 0) await stopOtherMake(machine, io);
  if (plan.install !== undefined) await install(machine, offer, plan.install.isOlder, io);
  if (Object.keys(settings).length > 0) await set(machine, settings, io);
}

function packageLines({ machine: { installer }, before, other }: Situation, { release, fields }: Offer): string[] {
  const isThere = before !== undefined && before.state !== 'settings';
  const now = before?.state === 'broken' ? `${before.version}, which was not installed whole` : before?.version;
  return [
    ...(other.parts.length === 0 ? [] : [`- KubeArmor’s own: ${other.parts.join(', ')}`]),
    isThere ? `~ package ${PACKAGE}: ${now} → ${fields.version}` : `+ package ${PACKAGE}: ${fields.version}; none is installed now`,
    `  from ${release.place}`,
    `  SHA-256 ${release.sha256}, which was checked`,
    `  by ${installer === 'apt-get' ? 'apt-get' : 'dpkg, as apt-get is not here: what the package depends on has to be installed'}`,
    `  ${SETTINGS_FILE} and ${POLICY_FOLDER} stay where they are there`,
  ];
}

async function install(machine: MachinePort, { file, fields }: Offer, mayBeOlder: boolean, io: Io): Promise<void> {
  for (const line of await machine.install(file, mayBeOlder)) io.err(line);
  await io.out(`${PACKAGE} ${fields.version} is installed in ${HOME}`);
}

/** The agent reads its settings when it starts; the rules in force stay meanwhile. */
async function set(machine: MachinePort, settings: Settings, io: Io): Promise<void> {
  const text = (await machine.readSettings()) ?? '';
  if (settingChanges(text, settings).length === 0) return;
  await machine.writeSettings(withSettings(text, settings));
  if (machine.hasSystemd) await machine.unit('restart');
  await io.out(`${SETTINGS_FILE} is written${machine.hasSystemd ? ', and the agent started with it' : ''}`);
}
