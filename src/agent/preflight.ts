// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import net from 'node:net';
import { KubeArmorError } from '#base';
import type { HostFacts } from '#host';

/** `bpf_loop`. @source design: kernel requirements */
const KERNEL_MIN = { major: 5, minor: 17 } as const;

/** What this node lacks for the agent to start, each with its cure. */
export function nodeLacks(
  facts: Pick<HostFacts, 'kernelRelease' | 'kernelMajor' | 'kernelMinor' | 'lsms' | 'hasBtf' | 'cgroupRoot'>,
): readonly string[] {
  const lacks: string[] = [];
  const { kernelMajor: major, kernelMinor: minor, lsms } = facts;
  if (major < KERNEL_MIN.major || (major === KERNEL_MIN.major && minor < KERNEL_MIN.minor)) {
    lacks.push(`the kernel ${facts.kernelRelease} is older than ${KERNEL_MIN.major}.${KERNEL_MIN.minor}: update it`);
  }
  if (!facts.hasBtf) lacks.push('the kernel has no BTF (/sys/kernel/btf/vmlinux): use one built with CONFIG_DEBUG_INFO_BTF=y');
  if (lsms === undefined) {
    lacks.push('the list of active security modules cannot be read: mount -t securityfs none /sys/kernel/security');
  } else if (!lsms.includes('bpf')) {
    lacks.push(`the security module bpf is not active: add lsm=${[...lsms, 'bpf'].join(',')} to the kernel's command line and boot again`);
  }
  if (facts.cgroupRoot === undefined) lacks.push('no cgroup file system is mounted: mount -t cgroup2 none /sys/fs/cgroup');
  else if (facts.cgroupRoot.version === 1)
    lacks.push('containers are in cgroup version 1, which is not supported yet: boot with systemd.unified_cgroup_hierarchy=1');
  return lacks;
}

/**
 * Refuses to start where the agent could not work.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` with everything that is missing; `HOST_IO` where another agent runs
 */
export async function checkNode(facts: HostFacts, socket: string, objectPath: string): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new KubeArmorError('NOT_SUPPORTED', 'starting: the agent needs root: it loads programs into the kernel');
  const lacks = [...nodeLacks(facts)];
  if (!existsSync(objectPath)) lacks.push(`the compiled programs are not at ${objectPath}: run make build, or set bpfObject`);
  if (lacks.length > 0) throw new KubeArmorError('NOT_SUPPORTED', `starting: ${lacks.join('; ')}`);
  if (await isAnswered(socket)) throw new KubeArmorError('HOST_IO', `starting: another agent listens on ${socket}: stop it first`);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
