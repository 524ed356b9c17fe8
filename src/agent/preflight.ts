// SPDX-License-Identifier: Apache-2.0
import { existsSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { KubeArmorError } from '#base';
import { nodeLacks } from '#host';
import type { HostFacts } from '#host';

/**
 * Refuses to start where the agent could not work.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` with everything that is missing; `HOST_IO` where another agent runs
 */
export async function checkNode(facts: HostFacts, socket: string, objectPath: string): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new KubeArmorError('NOT_SUPPORTED', 'starting: the agent needs root: it loads programs into the kernel');
  const lacks = nodeLacks(facts).map(({ problem, cure }) => `${problem}: ${cure}`);
  if (!existsSync(objectPath)) lacks.push(`the compiled programs are not at ${objectPath}: run make build, or set bpfObject`);
  if (lacks.length > 0) throw new KubeArmorError('NOT_SUPPORTED', `starting: ${lacks.join('; ')}`);
  if (await isAnswered(socket)) throw new KubeArmorError('HOST_IO', `starting: another agent listens on ${socket}: stop it first`);
}

/** Name spaces of the host, by the inode numbers that the kernel gives the first of each. @source Linux, include/linux/proc_ns.h */
const HOST_NAMESPACES = [
  { kind: 'pid', inode: 0xeffffffc, cure: 'set hostPID: true in the agent’s pod' },
  { kind: 'cgroup', inode: 0xeffffffb, cure: 'start the agent in that of process 1: see docs/reference/agent-pod.md' },
] as const;

/**
 * Refuses to start in a pod that does not show the host's processes and cgroups: whose a process is could not be known.
 *
 * @param readLink for tests; default: `readlink`
 * @throws {KubeArmorError} `NOT_SUPPORTED`
 */
export function checkPod(readLink: (path: string) => string = (path) => readlinkSync(path)): void {
  const lacks = HOST_NAMESPACES.filter(({ kind, inode }) => readLink(`/proc/self/ns/${kind}`) !== `${kind}:[${inode}]`);
  if (lacks.length === 0) return;
  const text = lacks.map(({ kind, cure }) => `it is not in the host’s ${kind} name space: ${cure}`).join('; ');
  throw new KubeArmorError('NOT_SUPPORTED', `starting: ${text}`);
}

/** Whether somebody listens on a Unix socket. */
export function isAnswered(path: string): Promise<boolean> {
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
