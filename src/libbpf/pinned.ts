// SPDX-License-Identifier: Apache-2.0
import { closeSync, readlinkSync } from 'node:fs';
import { KubeArmorError } from '#base';
import { check, ENOENT } from './errno.ts';
import { libbpf } from './ffi.ts';

/**
 * Opens what is pinned at `path`, which must be of `kind`: bpf(2) would answer for any kind, and a map's calls on a link's
 * descriptor read nonsense. The kind is in the descriptor's name (kernel/bpf/syscall.c, anon_inode_getfd).
 *
 * @returns a descriptor for the caller to close; undefined where nothing is pinned
 */
export function openPinnedFd(path: string, kind: 'map' | 'link' | 'prog'): number | undefined {
  const doing = `opening the ${kind} pinned at ${path}`;
  const fd = libbpf().bpf_obj_get(path);
  if (fd === -ENOENT) return undefined;
  check(fd, doing);
  const name = readlinkSync(`/proc/self/fd/${fd}`);
  if (/^anon_inode:\[?bpf[-_](\w+)\]?$/.exec(name)?.[1] === kind) return fd;
  closeSync(fd);
  throw new KubeArmorError('KERNEL_CALL', `${doing}: it is ${name}`);
}

/** struct bpf_map_info, bpf_prog_info and bpf_link_info (linux/bpf.h) begin alike: type, id; a link's goes on with its program's. */
const INFO = { size: 12, id: 4, programOfLink: 8 } as const;

/** The kernel's id of a map, program or link. Never reused while it lives. */
export function idOf(fd: number, what: string): number {
  return infoOf(fd, what).readUInt32LE(INFO.id);
}

/** The id of the program that a link runs. */
export function programOf(linkFd: number, what: string): number {
  return infoOf(linkFd, what).readUInt32LE(INFO.programOfLink);
}

function infoOf(fd: number, what: string): Buffer {
  const info = Buffer.alloc(INFO.size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(INFO.size);
  check(libbpf().bpf_obj_get_info_by_fd(fd, info, length), `reading the id of ${what}`);
  return info;
}
