// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readMounts } from './mountinfo.ts';
import { errnoOf, readTextIfAny } from './read-text.ts';
import { KubeArmorError } from '#base';

/**
 * The cgroup hierarchy that tells containers apart on this host.
 *
 * `2`: the unified hierarchy. `1`: the pids controller's hierarchy, on hosts where runtimes still use version 1.
 */
export interface CgroupRoot {
  readonly version: 1 | 2;
  /** Where it is mounted, like `/sys/fs/cgroup`. */
  readonly directory: string;
}

/** A process's or container's cgroup. */
export interface Cgroup {
  /** Path within the hierarchy, like `/default/web`. */
  readonly path: string;
  /** Absolute directory. */
  readonly directory: string;
  /** What the kernel calls the cgroup's id: the inode number of its directory. */
  readonly id: bigint;
  readonly version: 1 | 2;
}

/**
 * Finds the hierarchy: version 1's `pids` where it is mounted, else version 2.
 *
 * @returns undefined where neither is mounted
 * @throws {KubeArmorError} `HOST_IO` when mounts cannot be read
 */
export function findCgroupRoot(): CgroupRoot | undefined {
  const mounts = readMounts('/proc/self/mountinfo');
  const unified = mounts.find((mount) => mount.fileSystem === 'cgroup2');
  const pids = mounts.find((mount) => mount.fileSystem === 'cgroup' && mount.mountPoint.split(/[/,]/).includes('pids'));
  // Where both are mounted runtimes use version 1, and version 2 only serves systemd.
  if (pids === undefined && unified !== undefined) return { version: 2, directory: unified.mountPoint };
  return pids === undefined ? undefined : { version: 1, directory: pids.mountPoint };
}

/**
 * The path of a process's cgroup within the hierarchy, or undefined if the process is gone or not a member.
 *
 * @source cgroups(7): lines of /proc/PID/cgroup are `hierarchy:controllers:path`, version 2 is `0::path`
 */
export function readCgroupPath(pid: number, version: 1 | 2): string | undefined {
  for (const line of (readTextIfAny(`/proc/${pid}/cgroup`) ?? '').split('\n')) {
    const [hierarchy, controllers, ...path] = line.split(':');
    const matches = version === 2 ? hierarchy === '0' && controllers === '' : controllers?.split(',').includes('pids');
    if (matches === true) return path.join(':');
  }
  return undefined;
}

/**
 * The cgroup at a path of the hierarchy, or undefined if there is none.
 *
 * @source kernfs: `bpf_get_current_cgroup_id` and the inode number are the same 64-bit number
 */
export function openCgroup(root: CgroupRoot, path: string): Cgroup | undefined {
  if (path.split('/').includes('..')) return undefined; // outside our cgroup namespace: a name we cannot reach
  const directory = join(root.directory, path);
  try {
    const stat = statSync(directory, { bigint: true });
    return stat.isDirectory() ? { path, directory, id: stat.ino, version: root.version } : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENODEV'].includes(errnoOf(error))) return undefined;
    throw new KubeArmorError('HOST_IO', `reading cgroup ${directory}: ${errnoOf(error)}`, { cause: error, context: { directory } });
  }
}

/**
 * Turns an OCI spec's `linux.cgroupsPath` into a path of the hierarchy.
 *
 * `/a/b` names it directly; `slice:prefix:name` is systemd's form, where `a-b.slice` lies below `a.slice`.
 *
 * @returns undefined for an empty or relative path, whose place depends on the runtime
 * @source OCI runtime spec, config-linux.md, cgroupsPath; systemd.slice(5)
 */
export function cgroupPathOfSpec(cgroupsPath: string): string | undefined {
  if (cgroupsPath.startsWith('/')) return cgroupsPath.replace(/\/+$/, '') || undefined;
  const [slice, prefix, name, ...rest] = cgroupsPath.split(':');
  if (slice === undefined || prefix === undefined || name === undefined || rest.length > 0) return undefined;
  const unit = name.endsWith('.slice') ? name : `${prefix === '' ? '' : `${prefix}-`}${name}.scope`;
  return `${expandSlice(slice === '' ? 'system.slice' : slice)}/${unit}`;
}

function expandSlice(slice: string): string {
  if (slice === '-.slice') return '';
  const parts = slice.replace(/\.slice$/, '').split('-');
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('-')}.slice`).join('');
}
