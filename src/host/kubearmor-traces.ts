// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { errnoOf } from './read-text.ts';

/** What KubeArmor 1.7 runs, or left, on this node. */
export interface KubeArmorTraces {
  /** Its agents: they enforce beside ours. */
  readonly agents: readonly { readonly pid: number; readonly exe: string }[];
  /** Names of its AppArmor profiles that are loaded; what runs under one of them keeps it. */
  readonly profiles: readonly string[];
  /** Paths of what it pinned in the BPF file system: maps alone, which enforce nothing. */
  readonly pins: readonly string[];
  /** What could not be looked at, with the reason. */
  readonly unread: readonly string[];
}

/** What such a trace means, and what to do about it. */
export interface TraceRemark {
  readonly problem: string;
  readonly cure: string;
  /** It denies nothing by itself. */
  readonly isNote: boolean;
}

/** Names that a remark tells. */
const TOLD = 3;
/** Of the list of loaded profiles; a node with 10,000 containers has half of it. */
const PROFILES_MAX_BYTES = 2 ** 20;
const GUIDE = 'see docs/guide/migrate.md';
/** Ours is run by node, so that no process of ours has this name. */
const AGENT = 'kubearmor';

/**
 * Looks for KubeArmor's own agent, profiles and pins. What may not be looked at is said, not thrown.
 *
 * @param bpffs where the BPF file system is; undefined: it is not mounted
 * @param root prefix of `/proc` and `/sys`, for tests
 * @source reference: KubeArmor's enforcement, sections 3.4 and 4.1 (names of profiles, of pins); apparmor(7): securityfs `profiles`
 */
export function readKubeArmorTraces(bpffs: string | undefined, root = ''): KubeArmorTraces {
  const unread: string[] = [];
  const look = <T>(path: string, read: (path: string) => readonly T[]): readonly T[] => {
    try {
      return read(path);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === '') throw error;
      if (!['ENOENT', 'ENOTDIR', 'EINVAL'].includes(errno)) unread.push(`${path}: ${errno}`);
      return [];
    }
  };
  return {
    agents: look(`${root}/proc`, (path) => agentsIn(path)),
    profiles: look(`${root}/sys/kernel/security/apparmor/profiles`, profilesIn),
    pins: bpffs === undefined ? [] : look(`${root}${bpffs}`, pinsIn),
    unread,
  };
}

function agentsIn(proc: string): { pid: number; exe: string }[] {
  return readdirSync(proc).flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const exe = exeOf(`${proc}/${name}/exe`);
    return exe !== undefined && basename(exe) === AGENT ? [{ pid: Number(name), exe }] : [];
  });
}

/** Processes end while they are looked at, threads of the kernel have none, and some are not ours to look at. */
function exeOf(link: string): string | undefined {
  try {
    return readlinkSync(link).replace(/ \(deleted\)$/, '');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errnoOf(error))) return undefined;
    throw error;
  }
}

function profilesIn(path: string): string[] {
  const names = readHead(path, PROFILES_MAX_BYTES)
    .split('\n')
    .flatMap((line) => /^(.+) \(\w+\)$/.exec(line)?.[1] ?? []);
  // a profile below another goes with it
  return names.filter((name) => /^kubearmor(?:[-_].|\.host$)/.test(name) && !name.includes('//'));
}

/** The kernel makes up such files while they are read, so that they have no size before. */
function readHead(path: string, atMost: number): string {
  const buffer = Buffer.alloc(atMost);
  const fd = openSync(path, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < atMost; length += read) read = readSync(fd, buffer, length, atMost - length, null);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

/** Ours are in a folder, `kubearmor`; theirs lie beside it. */
const pinsIn = (bpffs: string): string[] =>
  readdirSync(bpffs)
    .filter((name) => name.startsWith('kubearmor_'))
    .toSorted()
    .map((name) => `${bpffs}/${name}`);

const some = (names: readonly string[]): string =>
  [...names.slice(0, TOLD), ...(names.length > TOLD ? [`${names.length - TOLD} more`] : [])].join(', ');

/** What to tell of it; empty where nothing is there. */
export function traceRemarks({ agents, profiles, pins }: Pick<KubeArmorTraces, 'agents' | 'profiles' | 'pins'>): TraceRemark[] {
  const remarks: TraceRemark[] = [];
  if (agents.length > 0) {
    const named = some(agents.map(({ pid, exe }) => `${exe}, process ${pid}`));
    remarks.push({
      problem: `KubeArmor’s own agent runs on this node (${named}): what either of the two denies is denied`,
      cure: `end it: remove its DaemonSet, or the service or container that it runs in; ${GUIDE}`,
      isNote: false,
    });
  }
  if (profiles.length > 0) {
    const count = profiles.length === 1 ? '1 AppArmor profile' : `${profiles.length} AppArmor profiles`;
    remarks.push({
      problem: `${count} of KubeArmor loaded (${some(profiles)}): programs under one of them obey it beside our rules`,
      cure: `when KubeArmor’s agent has ended, start those workloads anew without its annotations, then unload each: apparmor_parser -R /etc/apparmor.d/NAME; ${GUIDE}`,
      isNote: agents.length === 0,
    });
  }
  if (pins.length > 0) {
    remarks.push({
      problem: `KubeArmor left ${pins.length === 1 ? '1 map' : `${pins.length} maps`} in the BPF file system (${some(pins)}); they enforce nothing and take memory`,
      cure: `when KubeArmor’s agent has ended: rm ${pins[0]?.replace(/_[^/]*$/, '_*')}`,
      isNote: true,
    });
  }
  return remarks;
}
