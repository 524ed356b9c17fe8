// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readSync } from 'node:fs';
import { hostname } from 'node:os';
import { findCgroupRoot } from './cgroup.ts';
import type { CgroupRoot } from './cgroup.ts';
import { readMounts } from './mountinfo.ts';
import { readTextIfAny } from './read-text.ts';

/** What this host offers; read once, cheap to read again. */
export interface HostFacts {
  readonly hostname: string;
  /** As `uname -r`. */
  readonly kernelRelease: string;
  readonly kernelMajor: number;
  readonly kernelMinor: number;
  /** Active security modules in order, like `['lockdown', 'capability', 'bpf']`; undefined where securityfs is not mounted. */
  readonly lsms: readonly string[] | undefined;
  /** Whether the kernel describes its own types, and we can read it (needed to load our programs). */
  readonly hasBtf: boolean;
  /** Where the BPF file system is mounted, for pins that outlive the agent. */
  readonly bpffs: string | undefined;
  readonly cgroupRoot: CgroupRoot | undefined;
  /** Changes at each boot. */
  readonly bootId: string;
  /** Stays over boots; empty where the host has none. */
  readonly machineId: string;
}

/**
 * Reads the facts.
 *
 * @param root prefix of `/proc`, `/sys` and `/etc`: for tests and for an agent that sees the host's under another path
 * @throws {KubeArmorError} `HOST_IO` when a file exists and cannot be read
 * @source Documentation/admin-guide/LSM/index.rst (securityfs `lsm`); machine-id(5); proc_sys_kernel(5)
 */
export function readHostFacts(root = ''): HostFacts {
  const text = (path: string): string => (readTextIfAny(`${root}${path}`) ?? '').trim();
  const kernelRelease = text('/proc/sys/kernel/osrelease');
  const version = /^(\d+)\.(\d+)/.exec(kernelRelease);
  const mounts = readMounts(`${root}/proc/self/mountinfo`);
  const bpfMounts = mounts.filter((mount) => mount.fileSystem === 'bpf').map((mount) => mount.mountPoint);
  const lsms = readTextIfAny(`${root}/sys/kernel/security/lsm`);
  return {
    hostname: text('/proc/sys/kernel/hostname') || hostname(),
    kernelRelease,
    kernelMajor: Number(version?.[1] ?? 0),
    kernelMinor: Number(version?.[2] ?? 0),
    lsms: lsms
      ?.trim()
      .split(',')
      .filter((name) => name !== ''),
    hasBtf: isBtf(`${root}/sys/kernel/btf/vmlinux`),
    bpffs: bpfMounts.find((path) => path === '/sys/fs/bpf') ?? bpfMounts[0],
    cgroupRoot: findCgroupRoot(),
    bootId: text('/proc/sys/kernel/random/boot_id'),
    machineId: text('/etc/machine-id'),
  };
}

/** @source Documentation/bpf/btf.rst: a header begins with 0xeb9f */
const BTF_MAGIC = 0xeb9f;

function isBtf(path: string): boolean {
  const head = Buffer.alloc(2);
  try {
    const fd = openSync(path, 'r');
    try {
      return readSync(fd, head, 0, head.length, 0) === head.length && head.readUInt16LE() === BTF_MAGIC;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}
