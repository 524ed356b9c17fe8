// SPDX-License-Identifier: Apache-2.0
import type { HookName, KernelEvent, SocketInfo } from '#events';
import { EVENT, EVENT_FLAG, HOOK, OUTCOME } from './event-layout.gen.ts';

const AT = EVENT.offsets;
const NO_RULE = 0xffffffff;
/** Where the strings start: struct record_* holds them right behind the head. */
const DATA = EVENT.size;

const HOOKS = new Map<number, HookName>(Object.entries(HOOK).map(([name, value]) => [value, name as HookName]));
const OUTCOMES = new Map<number, KernelEvent['outcome']>([
  [OUTCOME.DENIED, 'denied'],
  [OUTCOME.AUDITED, 'audited'],
  [OUTCOME.WOULD_DENY, 'would-deny'],
  [OUTCOME.OBSERVED, 'observed'],
]);

const SOCKET_HOOKS: ReadonlySet<string> = new Set([
  'SOCKET_CREATE',
  'SOCKET_CONNECT',
  'SOCKET_BIND',
  'SOCKET_LISTEN',
  'SOCKET_ACCEPT',
  'SOCKET_SENDMSG',
]);
const AF_INET = 2;
const AF_INET6 = 10;

function address(record: Buffer, domain: number): string | undefined {
  const bytes = record.subarray(AT.sock_addr, AT.sock_addr + EVENT.lengths.sock_addr);
  if (domain === AF_INET) return bytes.subarray(0, 4).join('.');
  if (domain !== AF_INET6) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function socketOf(record: Buffer): SocketInfo {
  const domain = record.readUInt16LE(AT.sock_domain);
  const port = record.readUInt16LE(AT.sock_port);
  return {
    domain,
    type: record.readUInt16LE(AT.sock_type),
    protocol: record.readUInt16LE(AT.sock_protocol),
    ...(port === 0 ? {} : { port, address: address(record, domain) }),
  };
}

/** Text of a fixed field up to its first zero byte. */
function fixed(record: Buffer, at: number, length: number): string {
  const end = record.indexOf(0, at);
  return record.toString('utf8', at, end < 0 || end > at + length ? at + length : end);
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/**
 * Arguments after argv[0], or with it where it is not the program's own name: so busybox that is called `sh` reads
 * `/bin/busybox sh …`, which is the same command. The bytes behind the last argument are the environment, which is never
 * shown; an argument that is cut ends with `…`.
 */
function argumentsOf(bytes: Buffer, argc: number, path: string): string[] {
  const found: string[] = [];
  let start = 0;
  for (let i = 0; i < argc && start < bytes.length; i++) {
    const end = bytes.indexOf(0, start);
    found.push(end < 0 ? `${bytes.toString('utf8', start)}…` : bytes.toString('utf8', start, end));
    start = end < 0 ? bytes.length : end + 1;
  }
  if (found.length < argc && found.length > 0 && !found.at(-1)!.endsWith('…')) found.push('…');
  const name = baseName(found[0] ?? '').replace(/^-/, '');
  return name === '' || name === baseName(path) ? found.slice(1) : [name, ...found.slice(1)];
}

/** An event and what its path is not. */
export interface DecodedEvent {
  readonly event: KernelEvent;
  /** Names what later counts of the same alert belong to; 0n for none. */
  readonly fold: bigint;
  readonly foreign: boolean;
  readonly cut: boolean;
}

/**
 * Decodes one record of the alert ring (bpf/event.h).
 *
 * Strings come from the container: invalid UTF-8 becomes U+FFFD, lengths are clamped to the record.
 *
 * @returns undefined for a record that no program of ours writes
 */
export function decodeEvent(record: Buffer): DecodedEvent | undefined {
  if (record.length < DATA) return undefined;
  const hook = HOOKS.get(record.readUInt16LE(AT.hook));
  const outcome = OUTCOMES.get(record.readUInt8(AT.outcome));
  if (hook === undefined || outcome === undefined) return undefined;
  const flags = record.readUInt8(AT.flags);
  const rule = record.readUInt32LE(AT.rule);
  let at: number = DATA;
  const text = (lengthAt: number): string => {
    const start = at;
    at = Math.min(record.length, at + record.readUInt16LE(lengthAt));
    return record.toString('utf8', start, at);
  };
  const subject = text(AT.subject_len);
  const parent = text(AT.parent_len);
  const path = text(AT.path_len);
  const args = argumentsOf(record.subarray(at, at + record.readUInt16LE(AT.args_len)), record.readUInt16LE(AT.argc), path);
  const event: KernelEvent = {
    bootNs: record.readBigUInt64LE(AT.boot_ns),
    scopeId: record.readUInt32LE(AT.scope),
    imageId: record.readUInt32LE(AT.image),
    ruleId: rule === NO_RULE ? undefined : rule,
    outcome,
    hook,
    count: record.readUInt32LE(AT.count),
    hostPid: record.readUInt32LE(AT.host_pid),
    hostPpid: record.readUInt32LE(AT.host_ppid),
    pid: record.readUInt32LE(AT.pid),
    ppid: record.readUInt32LE(AT.ppid),
    uid: record.readUInt32LE(AT.uid),
    tty: fixed(record, AT.tty, EVENT.lengths.tty),
    comm: fixed(record, AT.comm, EVENT.lengths.comm),
    cwd: '/',
    subject,
    parent,
    path,
    args,
    openFlags: hook === 'FILE_OPEN' ? record.readUInt32LE(AT.open_flags) : undefined,
    socket: SOCKET_HOOKS.has(hook) ? socketOf(record) : undefined,
    capability: hook === 'CAPABLE' ? record.readUInt32LE(AT.capability) : undefined,
  };
  return { event, fold: record.readBigUInt64LE(AT.fold), foreign: (flags & EVENT_FLAG.FOREIGN) !== 0, cut: (flags & EVENT_FLAG.CUT) !== 0 };
}
