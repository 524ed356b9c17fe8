// SPDX-License-Identifier: Apache-2.0
import type { HookName, KernelEvent, SocketInfo } from '#events';
import { StringInterner, viewedBytes } from '#observe';
import { EVENT, EVENT_FLAG, HOOK, OUTCOME } from './event-layout.gen.ts';

const AT = EVENT.offsets;
const NO_RULE = 0xffffffff;
/** Where the strings start: struct record_* holds them right behind the head. */
const DATA = EVENT.size;

/** By number. */
const HOOKS: (HookName | undefined)[] = [];
for (const [name, value] of Object.entries(HOOK)) HOOKS[value] = name as HookName;
const OUTCOMES: (KernelEvent['outcome'] | undefined)[] = [];
OUTCOMES[OUTCOME.DENIED] = 'denied';
OUTCOMES[OUTCOME.AUDITED] = 'audited';
OUTCOMES[OUTCOME.WOULD_DENY] = 'would-deny';
OUTCOMES[OUTCOME.OBSERVED] = 'observed';

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

const NO_ARGUMENTS: readonly string[] = [];
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
 * Decodes the records of a ring (bpf/event.h), a million in a third of a second: numbers are read in place, strings that come
 * again and again are made once.
 *
 * Strings come from the container: invalid UTF-8 becomes U+FFFD, lengths are clamped to the record.
 */
export class EventDecoder {
  readonly #strings = new StringInterner();
  #bytes = viewedBytes(Buffer.alloc(0));

  /**
   * @param buffer the ring's memory: nothing of it is kept
   * @param start where in it the record begins; it has `length` bytes
   * @returns undefined for a record that no program of ours writes
   */
  decode(buffer: Buffer, start: number, length: number): DecodedEvent | undefined {
    if (length < DATA || start + length > buffer.length) return undefined;
    if (this.#bytes.buffer !== buffer) this.#bytes = viewedBytes(buffer);
    const bytes = this.#bytes;
    const { view } = bytes;
    const u16 = (at: number): number => view.getUint16(start + at, true);
    const u32 = (at: number): number => view.getUint32(start + at, true);
    const hook = HOOKS[u16(AT.hook)];
    const outcome = OUTCOMES[buffer[start + AT.outcome]!];
    if (hook === undefined || outcome === undefined) return undefined;
    const end = start + length;
    const subjectAt = start + DATA;
    const parentAt = Math.min(end, subjectAt + u16(AT.subject_len));
    const pathAt = Math.min(end, parentAt + u16(AT.parent_len));
    const argumentsAt = Math.min(end, pathAt + u16(AT.path_len));
    const path = this.#strings.range(bytes, pathAt, argumentsAt);
    const argc = u16(AT.argc);
    const rule = u32(AT.rule);
    const flags = buffer[start + AT.flags]!;
    const event: KernelEvent = {
      bootNs: view.getBigUint64(start + AT.boot_ns, true),
      scopeId: u32(AT.scope),
      imageId: u32(AT.image),
      ruleId: rule === NO_RULE ? undefined : rule,
      outcome,
      hook,
      count: u32(AT.count),
      hostPid: u32(AT.host_pid),
      hostPpid: u32(AT.host_ppid),
      pid: u32(AT.pid),
      ppid: u32(AT.ppid),
      uid: u32(AT.uid),
      tty: this.#strings.cString(bytes, start + AT.tty, EVENT.lengths.tty),
      comm: this.#strings.cString(bytes, start + AT.comm, EVENT.lengths.comm),
      cwd: '/',
      subject: this.#strings.range(bytes, subjectAt, parentAt),
      parent: this.#strings.range(bytes, parentAt, pathAt),
      path,
      args:
        argc === 0 ? NO_ARGUMENTS : argumentsOf(buffer.subarray(argumentsAt, Math.min(end, argumentsAt + u16(AT.args_len))), argc, path),
      openFlags: hook === 'FILE_OPEN' ? u32(AT.open_flags) : undefined,
      socket: SOCKET_HOOKS.has(hook) ? socketOf(buffer.subarray(start, end)) : undefined,
      capability: hook === 'CAPABLE' ? u32(AT.capability) : undefined,
      tampering: (flags & EVENT_FLAG.SELF) === 0 ? undefined : { number: u32(AT.capability), target: u32(AT.open_flags) },
    };
    return {
      event,
      fold: view.getBigUint64(start + AT.fold, true),
      foreign: (flags & EVENT_FLAG.FOREIGN) !== 0,
      cut: (flags & EVENT_FLAG.CUT) !== 0,
    };
  }
}
