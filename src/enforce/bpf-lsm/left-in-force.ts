// SPDX-License-Identifier: Apache-2.0
import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KubeArmorError } from '#base';
import { removePins } from './pins.ts';
import { STATE_FILE } from './saved-state.ts';

/** Rules that a version of the programs still enforces although their agent is gone. */
export interface LeftInForce {
  /** Name of its folder of pins: the hash of the programs. */
  readonly version: string;
  /** Programs that are attached. */
  readonly programs: number;
}

export interface LeftInForcePlace {
  /** Folder of the pins, in a BPF file system. */
  readonly pinDirectory: string;
  /** Where the names for what is pinned are kept. */
  readonly stateDirectory: string;
}

const LINK = 'link_';
const OTHERS_WRITE = 0o022;

/**
 * What agents before left in force; nothing where the folder does not exist. Loads nothing.
 *
 * @param owner user that the folder must belong to; another than root only in tests
 * @throws {KubeArmorError} `HOST_IO` where it cannot be looked at (that takes root), or where others could have made it
 */
export function findLeftInForce(pinDirectory: string, owner = 0): readonly LeftInForce[] {
  return versionsIn(pinDirectory, owner).map((version) => ({
    version,
    programs: listed(join(pinDirectory, version)).filter((name) => name.startsWith(LINK)).length,
  }));
}

/**
 * Ends it: every pin is removed, so the kernel detaches the programs and frees their maps. Only while no agent runs.
 *
 * @returns what was in force
 * @throws {KubeArmorError} `HOST_IO`; what is left is still in force then, and can be ended again
 */
export function endLeftInForce({ pinDirectory, stateDirectory }: LeftInForcePlace, owner = 0): readonly LeftInForce[] {
  const found = findLeftInForce(pinDirectory, owner);
  guarded(pinDirectory, 'removing', () => {
    for (const { version } of found) removePins(join(pinDirectory, version));
    rmSync(join(stateDirectory, STATE_FILE), { force: true });
    if (found.length > 0) rmdirSync(pinDirectory);
  });
  return found;
}

/**
 * Makes the folder for pins, mode 0700, or sees that it is ours. The BPF file system may be writable for everybody: pins below
 * another user's folder could be taken away, and removing them could be led elsewhere by a link.
 *
 * @throws {KubeArmorError} `HOST_IO`
 */
export function claimPinDirectory(pinDirectory: string, owner = 0): void {
  guarded(pinDirectory, 'making', () => {
    try {
      mkdirSync(pinDirectory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  });
  versionsIn(pinDirectory, owner);
}

function versionsIn(pinDirectory: string, owner: number): string[] {
  return guarded(pinDirectory, 'reading', () => {
    const stat = lstatSync(pinDirectory, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const wrong = stat.isDirectory() ? whoseElse(stat, owner) : 'it is no directory';
    if (wrong !== undefined) throw new KubeArmorError('HOST_IO', `the folder of pins ${pinDirectory}: ${wrong}: remove it`);
    const entries = readdirSync(pinDirectory, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).toSorted();
  });
}

function whoseElse({ uid, mode }: { uid: number; mode: number }, owner: number): string | undefined {
  if (uid !== owner) return `it belongs to user ${uid}`;
  return (mode & OTHERS_WRITE) === 0 ? undefined : 'others can write it';
}

const listed = (directory: string): string[] => guarded(directory, 'reading', () => readdirSync(directory));

function guarded<T>(path: string, doing: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof KubeArmorError) throw error;
    throw new KubeArmorError('HOST_IO', `${doing} ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
  }
}
