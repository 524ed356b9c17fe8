// SPDX-License-Identifier: Apache-2.0
import type { Family } from '#policy';
import { capabilityName, domainName, openFlagNames, protocolName, socketTypeName } from './kernel-names.ts';
import type { HookName, KernelEvent, SocketInfo, Tampering } from './model.ts';

/** What was done to what: the part of a record that depends on the hook. */
export interface Describe {
  readonly operation: string;
  readonly resource: string;
  readonly data: string;
  readonly eventData: Readonly<Record<string, string>>;
}

type Pair = readonly [key: string, value: string];

const pairText = (pairs: readonly Pair[]): string => pairs.map(([key, value]) => `${key}=${value}`).join(' ');
const capitalised = (key: string): string => key.slice(0, 1).toUpperCase() + key.slice(1);
const mapOf = (pairs: readonly Pair[]): Record<string, string> =>
  Object.fromEntries(pairs.map(([key, value]) => [capitalised(key), value]));

function operationOf(hook: HookName): string {
  if (hook === 'SECURITY_BPRM_CHECK') return 'Process';
  if (hook === 'CAPABLE') return 'Capabilities';
  if (hook === 'BPF') return 'Syscall';
  if (hook === 'PTRACE' || hook.startsWith('TASK_')) return 'Process';
  if (hook === 'UNIX_CONNECT') return 'Network';
  return hook.startsWith('SOCKET_') ? 'Network' : 'File';
}

/** Where the rule's family says more than the hook: a program loader is refused when it maps the program. */
const OPERATION_OF_FAMILY: Readonly<Partial<Record<Family, string>>> = { process: 'Process', syscalls: 'Syscall', device: 'Device' };

const execText = (event: KernelEvent): string => [event.path, ...event.args].join(' ');

/** Hooks whose address is the socket's own. */
const LOCAL_ADDRESS: ReadonlySet<HookName> = new Set(['SOCKET_BIND', 'SOCKET_LISTEN']);

function addressPairs(hook: HookName, socket: SocketInfo): Pair[] {
  const pairs: Pair[] = [];
  if (socket.address !== undefined) pairs.push([LOCAL_ADDRESS.has(hook) ? 'localip' : 'remoteip', socket.address]);
  if (socket.port !== undefined) pairs.push(['port', String(socket.port)]);
  return pairs;
}

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const isInternet = (socket: SocketInfo): boolean => socket.domain === AF_INET || socket.domain === AF_INET6;

/** The protocol that a socket of protocol 0 gets; multipath TCP and SMC are tcp, UDP-Lite udp (semantics.md, Network). */
function effectiveProtocol(socket: SocketInfo): number {
  if (!isInternet(socket)) return -1;
  if (socket.type === SOCK_STREAM && [0, 256, 262].includes(socket.protocol)) return 6;
  if (socket.type === SOCK_DGRAM && [0, 136].includes(socket.protocol)) return 17;
  return socket.protocol;
}

/** Protocols that the enforcer's text names beside the type; of any other socket it gives the type only. */
const NAMED_PROTOCOLS = new Set([1, 6, 17, 33, 58, 132]);

function socketPairs(socket: SocketInfo): Pair[] {
  const protocol = effectiveProtocol(socket);
  const type: Pair = ['type', socketTypeName(socket.type)];
  return NAMED_PROTOCOLS.has(protocol) ? [['protocol', protocolName(protocol)], type] : [type];
}

const OBJECT_OF_BPF: Readonly<Record<number, string>> = { 1: 'map', 2: 'program', 3: 'link' };

/** What an attempt on the enforcement was directed at. */
function tamperedResource({ hook, path }: KernelEvent, { number, target }: Tampering): string {
  if (hook === 'TASK_KILL') return `signal=${number} pid=${target}`;
  if (hook === 'TASK_SETRLIMIT') return `limit=${number} pid=${target}`;
  if (hook === 'PTRACE' || hook.startsWith('TASK_')) return `pid=${target}`;
  const object = hook === 'BPF' ? OBJECT_OF_BPF[number] : undefined;
  if (object === undefined) return path;
  return path === '' ? object : `${object}=${path}`;
}

/** Data `lsm=HOOK …` and Resource as KubeArmor's BPF enforcer writes them; an address is added to Data only. */
export function describeAlert(event: KernelEvent, family: Family | undefined): Describe {
  const { hook, socket } = event;
  const operation = (family === undefined ? undefined : OPERATION_OF_FAMILY[family]) ?? operationOf(hook);
  const lsm: Pair = ['lsm', hook];
  if (hook === 'CAPABLE') {
    const name = capabilityName(event.capability ?? -1);
    return { operation, resource: name, data: `lsm=CAPABLE ${name}`, eventData: { Lsm: hook } };
  }
  if (socket !== undefined) {
    const what = socketPairs(socket);
    const pairs = [lsm, ...what, ...addressPairs(hook, socket)];
    return { operation, resource: pairText(what), data: pairText(pairs), eventData: mapOf(pairs) };
  }
  const resource =
    hook === 'SECURITY_BPRM_CHECK'
      ? execText(event)
      : event.tampering === undefined
        ? event.path
        : tamperedResource(event, event.tampering);
  return { operation, resource, data: pairText([lsm]), eventData: mapOf([lsm]) };
}

function monitored(operation: string, resource: string, pairs: readonly Pair[]): Describe {
  return { operation, resource, data: pairText(pairs), eventData: mapOf(pairs) };
}

function withResource(data: readonly Pair[], resource: readonly Pair[]): Describe {
  return { operation: 'Network', resource: pairText(resource), data: pairText(data), eventData: mapOf([...data, ...resource]) };
}

const SYSCALL_OF: Readonly<Partial<Record<HookName, string>>> = {
  SOCKET_CREATE: 'SYS_SOCKET',
  SOCKET_CONNECT: 'SYS_CONNECT',
  SOCKET_BIND: 'SYS_BIND',
  SOCKET_LISTEN: 'SYS_LISTEN',
};

/** The socket address in the words of its C structure. @source sockaddr_in(3type), ipv6(7) */
function sockaddrPairs(socket: SocketInfo): Pair[] {
  const six = socket.domain === AF_INET6;
  const pairs: Pair[] = [['sa_family', domainName(socket.domain)]];
  if (socket.port !== undefined) pairs.push([six ? 'sin6_port' : 'sin_port', String(socket.port)]);
  if (socket.address !== undefined) pairs.push([isInternet(socket) ? (six ? 'sin6_addr' : 'sin_addr') : 'sun_path', socket.address]);
  return pairs;
}

function describeSocketLog(event: KernelEvent, socket: SocketInfo): Describe {
  const { hook } = event;
  const tcp = effectiveProtocol(socket) === 6 && socket.address !== undefined;
  if (tcp && (hook === 'SOCKET_CONNECT' || hook === 'SOCKET_ACCEPT')) {
    const data: Pair[] = [
      ['kprobe', hook === 'SOCKET_CONNECT' ? 'tcp_connect' : 'tcp_accept'],
      ['domain', domainName(socket.domain)],
    ];
    const protocol: Pair = ['protocol', socket.domain === AF_INET6 ? 'TCPv6' : 'TCP'];
    return withResource(data, [...addressPairs(hook, socket), protocol]);
  }
  const syscall = SYSCALL_OF[hook];
  if (syscall === undefined) return describeAlert(event, undefined);
  const data: Pair[] = [['syscall', syscall]];
  if (hook === 'SOCKET_LISTEN') return withResource(data, []);
  if (hook !== 'SOCKET_CREATE') return withResource(data, sockaddrPairs(socket));
  // KubeArmor prints the argument as given: protocol 0 as HOPOPT, its name in the IANA table.
  return withResource(data, [
    ['domain', domainName(socket.domain)],
    ['type', socketTypeName(socket.type)],
    ['protocol', protocolName(socket.protocol)],
  ]);
}

/** As KubeArmor's system monitor writes it; descriptor numbers are left out, the hooks do not see them. */
export function describeLog(event: KernelEvent): Describe {
  if (event.socket !== undefined) return describeSocketLog(event, event.socket);
  if (event.hook === 'SECURITY_BPRM_CHECK') return monitored('Process', execText(event), [['syscall', 'SYS_EXECVE']]);
  if (event.hook === 'FILE_OPEN' && event.openFlags !== undefined) {
    return monitored('File', event.path, [
      ['syscall', 'SYS_OPENAT'],
      ['flags', openFlagNames(event.openFlags)],
    ]);
  }
  return describeAlert(event, undefined);
}
