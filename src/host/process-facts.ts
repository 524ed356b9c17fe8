// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { readTextIfAny } from './read-text.ts';

/** What `/proc/PID/status` and `/proc/PID/stat` say of a process. */
export interface ProcessFacts {
  readonly name: string;
  readonly ppid: number;
  /** Effective user id. */
  readonly uid: number;
  /** Its process id in each pid namespace, from ours inwards. */
  readonly nsPids: readonly number[];
  /** Bit n is capability n. */
  readonly effectiveCapabilities: bigint;
  /** Clock ticks since boot: with the pid it names one process for good. */
  readonly startTicks: bigint;
}

/**
 * Facts of a process, or undefined if there is none.
 *
 * @param pid a process id in our pid namespace, or `self`
 * @source proc_pid_status(5), proc_pid_stat(5): field 22 is starttime; the name in parentheses may hold anything
 */
export function readProcess(pid: number | 'self'): ProcessFacts | undefined {
  const status = readTextIfAny(`/proc/${pid}/status`);
  const stat = readTextIfAny(`/proc/${pid}/stat`);
  if (status === undefined || stat === undefined) return undefined;
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    name: field('Name'),
    ppid: Number(field('PPid')),
    uid: Number(field('Uid').split('\t')[1] ?? Number.NaN),
    nsPids: field('NSpid').split('\t').map(Number),
    effectiveCapabilities: BigInt(`0x${field('CapEff') || '0'}`),
    startTicks: BigInt(afterName[19] ?? '0'),
  };
}

/** Capabilities by number that this project asks for. @source include/uapi/linux/capability.h */
const CAPABILITY_NUMBERS = {
  CAP_DAC_READ_SEARCH: 2,
  CAP_KILL: 5,
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_MAC_ADMIN: 33,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

export type HostCapability = keyof typeof CAPABILITY_NUMBERS;

/**
 * Which of these capabilities our own process lacks.
 *
 * @throws {KubeArmorError} `HOST_IO` when /proc is not there
 */
export function missingCapabilities(wanted: readonly HostCapability[]): HostCapability[] {
  const facts = readProcess('self');
  if (facts === undefined) throw new KubeArmorError('HOST_IO', 'reading /proc/self/status: is /proc mounted?');
  return wanted.filter((name) => ((facts.effectiveCapabilities >> BigInt(CAPABILITY_NUMBERS[name])) & 1n) === 0n);
}

/** A soft and a hard limit; undefined means unlimited. */
export interface ResourceLimit {
  readonly soft: bigint | undefined;
  readonly hard: bigint | undefined;
}

/**
 * One of our own resource limits, by its name in `/proc/self/limits`, or undefined where the kernel does not name it.
 *
 * @source proc_pid_limits(5); units: bytes, or a number for `Max open files`
 */
export function readLimit(name: 'Max locked memory' | 'Max open files' | 'Max address space'): ResourceLimit | undefined {
  const line = (readTextIfAny('/proc/self/limits') ?? '').split('\n').find((text) => text.startsWith(name));
  if (line === undefined) return undefined;
  const [soft, hard] = line.slice(name.length).trim().split(/\s+/);
  const value = (text: string | undefined): bigint | undefined => (text === undefined || text === 'unlimited' ? undefined : BigInt(text));
  return { soft: value(soft), hard: value(hard) };
}
