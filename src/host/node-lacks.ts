// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from './facts.ts';

/** Something that a node lacks, and how to get it. */
export interface NodeLack {
  readonly problem: string;
  readonly cure: string;
}

/** `bpf_loop`. @source Linux 5.17, kernel/bpf/bpf_iter.c */
const KERNEL_MIN = { major: 5, minor: 17 } as const;

/** What this node lacks for rules to be enforced by programs in its kernel: the agent refuses to start without it. */
export function nodeLacks(
  facts: Pick<HostFacts, 'kernelRelease' | 'kernelMajor' | 'kernelMinor' | 'lsms' | 'hasBtf' | 'cgroupRoot'>,
): readonly NodeLack[] {
  const { kernelRelease, kernelMajor: major, kernelMinor: minor } = facts;
  const lacks: NodeLack[] = [];
  if (major < KERNEL_MIN.major || (major === KERNEL_MIN.major && minor < KERNEL_MIN.minor)) {
    lacks.push({ problem: `the kernel ${kernelRelease} is older than ${KERNEL_MIN.major}.${KERNEL_MIN.minor}`, cure: 'update the kernel' });
  }
  lacks.push(...moduleLacks(facts));
  if (!facts.hasBtf) {
    lacks.push({ problem: 'the kernel has no BTF (/sys/kernel/btf/vmlinux)', cure: 'use one built with CONFIG_DEBUG_INFO_BTF=y' });
  }
  lacks.push(...cgroupLacks(facts));
  return lacks;
}

function moduleLacks({ lsms }: Pick<HostFacts, 'lsms'>): NodeLack[] {
  if (lsms === undefined) {
    const cure = 'mount securityfs: mount -t securityfs none /sys/kernel/security';
    return [{ problem: 'the list of active security modules cannot be read', cure }];
  }
  if (lsms.includes('bpf')) return [];
  const cure = `add lsm=${[...lsms, 'bpf'].join(',')} to the kernel’s command line and boot again`;
  return [{ problem: `the security module bpf is not active (active: ${lsms.join(', ')})`, cure }];
}

function cgroupLacks({ cgroupRoot }: Pick<HostFacts, 'cgroupRoot'>): NodeLack[] {
  if (cgroupRoot === undefined) return [{ problem: 'no cgroup file system is mounted', cure: 'mount -t cgroup2 none /sys/fs/cgroup' }];
  if (cgroupRoot.version === 2) return [];
  const cure = 'boot with systemd.unified_cgroup_hierarchy=1';
  return [{ problem: 'containers are in cgroup version 1, which is not supported yet', cure }];
}
