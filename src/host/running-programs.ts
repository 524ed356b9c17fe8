// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { readProcess } from './process-facts.ts';
import { errnoOf, readTextIfAny } from './read-text.ts';

/** A program that runs on the host itself, and what it has open. */
export interface RunningProgram {
  readonly pid: number;
  /** Its executable, as the kernel names it now. */
  readonly exe: string;
  /** Its parent's executable; undefined where it has none, or one that cannot be read. */
  readonly parentExe: string | undefined;
  /** Files that it has mapped, and which of them as code. */
  readonly mapped: readonly { readonly path: string; readonly code: boolean }[];
  /** Ports that it listens on. */
  readonly listens: readonly { readonly protocol: 'tcp' | 'udp'; readonly version: 4 | 6; readonly port: number }[];
}

/**
 * Programs of the host, but none of containers: those that see the same root as we do. What cannot be read is left out.
 *
 * @param wanted tells by pid and executable which ones
 * @source proc_pid_maps(5), proc_pid_fd(5), proc_net(5): state 0A is listening, 07 of UDP is bound
 */
export function readRunningPrograms(wanted: (pid: number, exe: string) => boolean): RunningProgram[] {
  const root = statSync('/', { bigint: true });
  const ports = readPorts();
  return pids().flatMap((pid) => {
    const exe = link(`/proc/${pid}/exe`);
    if (exe === undefined || !wanted(pid, exe) || !hasRoot(pid, root)) return [];
    const parent = readProcess(pid)?.ppid ?? 0;
    const listens = socketInodes(pid).flatMap((inode) => ports.get(inode) ?? []);
    return [{ pid, exe, parentExe: parent === 0 ? undefined : link(`/proc/${parent}/exe`), mapped: mappedFiles(pid), listens }];
  });
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function link(path: string): string | undefined {
  return ifAny(() => readlinkSync(path).replace(/ \(deleted\)$/, ''));
}

/** Processes end while they are looked at, and some are not ours to look at. */
function ifAny<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errnoOf(error))) return undefined;
    throw error;
  }
}

function hasRoot(pid: number, root: { readonly dev: bigint; readonly ino: bigint }): boolean {
  const stat = ifAny(() => statSync(`/proc/${pid}/root`, { bigint: true }));
  return stat !== undefined && stat.dev === root.dev && stat.ino === root.ino;
}

function mappedFiles(pid: number): { path: string; code: boolean }[] {
  const code = new Map<string, boolean>();
  for (const line of (ifAny(() => readTextIfAny(`/proc/${pid}/maps`)) ?? '').split('\n')) {
    const [, flags = '', path = ''] = /^\S+ (\S+) \S+ \S+ \d+\s+(\/.*)$/.exec(line) ?? [];
    if (path !== '' && !path.endsWith(' (deleted)')) code.set(path, code.get(path) === true || flags.includes('x'));
  }
  return [...code].map(([path, isCode]) => ({ path, code: isCode }));
}

function socketInodes(pid: number): string[] {
  const names = ifAny(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return names.flatMap((name) => /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${name}`) ?? '')?.[1] ?? []);
}

function readPorts(): Map<string, RunningProgram['listens'][number]> {
  const found = new Map<string, RunningProgram['listens'][number]>();
  for (const [file, protocol, version, state] of [
    ['tcp', 'tcp', 4, '0A'],
    ['tcp6', 'tcp', 6, '0A'],
    ['udp', 'udp', 4, '07'],
    ['udp6', 'udp', 6, '07'],
  ] as const) {
    for (const line of (readTextIfAny(`/proc/net/${file}`) ?? '').split('\n').slice(1)) {
      const [, local = '', , is = '', , , , , , inode = ''] = line.trim().split(/\s+/);
      if (is === state) found.set(inode, { protocol, version, port: Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16) });
    }
  }
  return found;
}
