// SPDX-License-Identifier: Apache-2.0
import { existsSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import { KubeArmorError } from '#base';
import { missingCapabilities, nodeLacks } from '#host';
import type { HostFacts } from '#host';
import { enterCgroupNamespace } from '#libbpf';
import { ownStart } from './config.ts';

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

const HOST_CGROUP = 0xeffffffb;
/** Name spaces of the host, by the inode numbers that the kernel gives the first of each. @source Linux, include/linux/proc_ns.h */
const HOST_NAMESPACES = [
  { kind: 'pid', inode: 0xeffffffc, cure: 'set hostPID: true in the agent’s pod' },
  { kind: 'cgroup', inode: HOST_CGROUP, cure: 'give the agent the capability SYS_ADMIN, so that it can enter that of process 1' },
] as const;

/** What takes this process into the host's cgroup name space. Tests have their own. */
export interface CgroupDoor {
  readonly readLink: (path: string) => string;
  readonly enter: (path: string) => void;
  /** Starts this program anew in its place. */
  readonly startAnew: () => void;
}

const OWN_DOOR: CgroupDoor = {
  readLink: (path) => readlinkSync(path),
  enter: enterCgroupNamespace,
  startAnew: () => {
    const { file, words, env } = ownStart();
    process.execve?.(file, words, env);
  },
};

/**
 * In a pod: enters the host's cgroup name space, where a runtime gave the container one of its own. Name spaces are of threads, and
 * Node has several already, so the program is started anew once it is in. Does nothing where the host's processes are not seen:
 * `checkPod` tells of that.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` where the kernel refuses
 */
export function enterHostCgroups({ readLink, enter, startAnew }: CgroupDoor = OWN_DOOR): void {
  const [own, first] = ['/proc/self/ns/cgroup', '/proc/1/ns/cgroup'];
  const isHost = (path: string): boolean => readLink(path) === `cgroup:[${HOST_CGROUP}]`;
  if (isHost(own)) return;
  try {
    if (!isHost(first)) return;
    enter(first);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const needs = 'it needs the capabilities SYS_ADMIN and SYS_PTRACE';
    throw new KubeArmorError('NOT_SUPPORTED', `starting: entering the host’s cgroup name space: ${why}: ${needs}`, { cause });
  }
  startAnew();
}

/**
 * Refuses to start in a pod that does not show the host's processes and cgroups: whose a process is could not be known.
 *
 * @param readLink for tests; default: `readlink`
 * @param missing for tests; default: what this process lacks
 * @throws {KubeArmorError} `NOT_SUPPORTED`
 */
export function checkPod(
  readLink: (path: string) => string = (path) => readlinkSync(path),
  missing: () => readonly string[] = () => missingCapabilities(['CAP_KILL']),
): void {
  const outside = HOST_NAMESPACES.filter(({ kind, inode }) => readLink(`/proc/self/ns/${kind}`) !== `${kind}:[${inode}]`);
  const lacks = [
    ...outside.map(({ kind, cure }) => `it is not in the host’s ${kind} name space: ${cure}`),
    ...missing().map(
      (name) => `it has no ${name}, so programs of other users would wait for ever at their start: add it to the agent’s pod`,
    ),
  ];
  if (lacks.length > 0) throw new KubeArmorError('NOT_SUPPORTED', `starting: ${lacks.join('; ')}`);
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
