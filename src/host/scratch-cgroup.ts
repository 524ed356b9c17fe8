// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import { readMounts } from './mountinfo.ts';
import { errnoOf } from './read-text.ts';

/** A cgroup of our own, at the top of the hierarchy, for processes that live for a moment. */
export interface ScratchCgroup {
  readonly directory: string;
  /** As `Cgroup.id`. */
  readonly id: bigint;
  /** Kills what is in it and removes it. @throws {KubeArmorError} `HOST_IO` when that takes too long */
  remove(): Promise<void>;
}

const TRIES = 100;
const RETRY_MS = 20;

/**
 * Makes a cgroup of version 2; one of this name that was left behind is emptied and removed first.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` without a hierarchy of version 2; `HOST_IO` where it cannot be made, as below a read-only mount
 */
export async function openScratchCgroup(name: string): Promise<ScratchCgroup> {
  const directory = scratchPath(name);
  if (directory === undefined)
    throw new KubeArmorError(
      'NOT_SUPPORTED',
      'making a scratch cgroup: no cgroup version 2 is mounted: mount -t cgroup2 none /sys/fs/cgroup',
    );
  await removeDirectory(directory);
  try {
    mkdirSync(directory, { mode: 0o755 });
    // nobody makes a cgroup of his own below it
    writeFileSync(join(directory, 'cgroup.max.descendants'), '0');
    const { ino } = statSync(directory, { bigint: true });
    return { directory, id: ino, remove: () => removeDirectory(directory) };
  } catch (error) {
    throw new KubeArmorError('HOST_IO', `making the cgroup ${directory}: ${errnoOf(error)}`, { cause: error, context: { directory } });
  }
}

/** Removes what {@link openScratchCgroup} of an agent that is gone left behind, if anything. @throws {KubeArmorError} `HOST_IO` */
export async function removeScratchCgroup(name: string): Promise<void> {
  const directory = scratchPath(name);
  if (directory !== undefined) await removeDirectory(directory);
}

function scratchPath(name: string): string | undefined {
  const mount = readMounts('/proc/self/mountinfo').find(({ fileSystem }) => fileSystem === 'cgroup2');
  return mount === undefined ? undefined : join(mount.mountPoint, name);
}

/** @source Documentation/admin-guide/cgroup-v2.rst: `cgroup.kill` (5.14) ends all tasks, rmdir gives EBUSY while one is there */
async function removeDirectory(directory: string): Promise<void> {
  for (let left = TRIES; ; left--) {
    try {
      return rmdirSync(directory);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      if (errnoOf(error) !== 'EBUSY' || left === 0)
        throw new KubeArmorError('HOST_IO', `removing the cgroup ${directory}: ${errnoOf(error)}`, {
          cause: error,
          context: { directory },
        });
    }
    killAll(directory);
    await sleep(RETRY_MS);
  }
}

function killAll(directory: string): void {
  try {
    writeFileSync(join(directory, 'cgroup.kill'), '1');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT')
      throw new KubeArmorError('HOST_IO', `emptying the cgroup ${directory}: ${errnoOf(error)}`, { cause: error });
  }
}
