// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, statfsSync } from 'node:fs';
import { kernelError } from './errno.ts';
import { lastErrno, libc } from './ffi.ts';

/** linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11;
/** asm-generic/socket.h; the same on x86-64 and AArch64. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const NOBODY = 0xffff_ffff;
/** linux/sched.h. */
const CLONE_NEWCGROUP = 0x0200_0000;

export interface PeerCredentials {
  /** In our pid namespace; 0 if the peer is in none that we see. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who is at the other end of a connected Unix socket, as of its connect(2) or listen(2).
 *
 * @returns undefined where the kernel does not know: another kind of socket, a closed descriptor
 * @source unix(7), SO_PEERCRED
 */
export function peerCredentials(fd: number): PeerCredentials | undefined {
  const value = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0) return undefined;
  const uid = value.readUInt32LE(4);
  return uid === NOBODY ? undefined : { pid: value.readInt32LE(0), uid, gid: value.readUInt32LE(8) };
}

/** Whether a path lies in a BPF file system, where things can be pinned; false where it does not exist. */
export function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}

/**
 * Mounts a BPF file system at a directory that exists, unless one is there.
 *
 * @throws {KubeArmorError} `KERNEL_CALL` when mount(2) refuses, e.g. EPERM, ENOENT
 */
export function mountBpffs(path = '/sys/fs/bpf'): void {
  if (isBpffs(path)) return;
  if (libc().mount('bpf', path, 'bpf', 0, null) !== 0) throw kernelError(lastErrno(), `mounting a BPF file system at ${path}`);
}

/**
 * Puts this thread, and what it starts from now on, into a cgroup name space, like `/proc/1/ns/cgroup`. Other threads stay where they are.
 *
 * @throws {KubeArmorError} `KERNEL_CALL` when setns(2) refuses, e.g. EPERM
 * @throws {Error} of the file system when the path cannot be opened
 */
export function enterCgroupNamespace(path: string): void {
  const fd = openSync(path, 'r');
  try {
    if (libc().setns(fd, CLONE_NEWCGROUP) !== 0) throw kernelError(lastErrno(), `entering the cgroup name space ${path}`);
  } finally {
    closeSync(fd);
  }
}
