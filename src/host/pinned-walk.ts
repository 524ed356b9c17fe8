// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import type { MountEntry } from './mountinfo.ts';
import { errnoOf } from './read-text.ts';

/** @source include/uapi/asm-generic/fcntl.h; the same on x86-64 and arm64. An O_PATH open runs no code of the file. */
const O_PATH = 0o10000000;

/**
 * File systems whose names the kernel answers from memory or a disk.
 *
 * Others (FUSE, network, 9p, autofs …) may be served by the container itself and make a look-up wait for ever; /proc and /sys
 * hold links that lead elsewhere. A walk ends where it would enter one of them.
 */
const LOCAL_FILE_SYSTEMS: ReadonlySet<string> = new Set([
  'overlay',
  'aufs',
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'bcachefs',
  'f2fs',
  'zfs',
  'jfs',
  'reiserfs',
  'erofs',
  'squashfs',
  'iso9660',
  'vfat',
  'exfat',
  'tmpfs',
  'ramfs',
  'rootfs',
]);

/** An open place: the descriptor pins the object, so that whatever happens to its name, it stays the same object. */
export interface Place {
  readonly fd: number;
  readonly stat: BigIntStats;
  readonly mount: MountEntry;
  /** Whether it is the root of `mount` as seen from the place above. */
  readonly isMountRoot: boolean;
}

export type OpenResult = Place | { readonly failure: string; readonly missing: boolean };

/** Opens, with `O_PATH | O_NOFOLLOW`, one name after another; never touches an object before it knows its file system. */
export class PinnedWalk {
  readonly #mounts: ReadonlyMap<number, MountEntry>;

  constructor(mounts: readonly MountEntry[]) {
    this.#mounts = new Map(mounts.map((mount) => [mount.id, mount]));
  }

  /** Opens a path that the host itself chose, following its links. */
  openTrusted(path: string): OpenResult {
    return this.#open(path, O_PATH, undefined);
  }

  /** @param name one component: neither empty nor `.` nor `..` nor with a slash */
  openChild(parent: Place, name: string): OpenResult {
    return this.#open(`/proc/self/fd/${parent.fd}/${name}`, O_PATH | constants.O_NOFOLLOW, parent);
  }

  /** The text of a symbolic link, or undefined where it is no longer one. */
  readLink(parent: Place, name: string): string | undefined {
    try {
      const bytes = readlinkSync(`/proc/self/fd/${parent.fd}/${name}`, { encoding: 'buffer' });
      const text = bytes.toString('utf8');
      return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined; // bytes that no rule can name
    } catch {
      return undefined;
    }
  }

  #open(path: string, flags: number, parent: Place | undefined): OpenResult {
    let fd: number | undefined;
    try {
      fd = openSync(path, flags);
      const mount = this.#mounts.get(mountIdOf(fd));
      if (mount === undefined || !LOCAL_FILE_SYSTEMS.has(mount.fileSystem)) {
        closeSync(fd);
        return { failure: `on a file system that is not walked: ${mount?.fileSystem ?? 'an unknown mount'}`, missing: false };
      }
      return { fd, stat: fstatSync(fd, { bigint: true }), mount, isMountRoot: parent === undefined || parent.mount.id !== mount.id };
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      const errno = errnoOf(error);
      return { failure: errno, missing: errno === 'ENOENT' || errno === 'ENOTDIR' };
    }
  }
}

/** @source proc_pid_fdinfo(5): `mnt_id` is known without asking the file system */
function mountIdOf(fd: number): number {
  return Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? Number.NaN);
}
