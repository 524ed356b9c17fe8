// SPDX-License-Identifier: Apache-2.0
import type { Access, SocketAccess } from './access.ts';
import { CAPABILITIES } from './capabilities.ts';

const VERBS = {
  exec: 'run',
  read: 'read',
  write: 'write',
  'read-write': 'open for reading and writing',
  'map-exec': 'map executable',
  rename: 'rename',
} as const;
const DOMAINS: Readonly<Record<number, string>> = {
  1: 'unix',
  2: 'IPv4',
  10: 'IPv6',
  16: 'netlink',
  17: 'packet',
  38: 'AF_ALG',
  43: 'SMC',
  44: 'XDP',
};
const TYPES: Readonly<Record<number, string>> = { 1: 'stream', 2: 'dgram', 3: 'raw', 4: 'rdm', 5: 'seqpacket', 6: 'dccp', 10: 'packet' };
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
  256: 'smc',
  262: 'mptcp',
};

/** An access as a person says it: `run /bin/sh`, `connect an IPv4 tcp socket to 10.0.0.1:443`. */
export function accessText(access: Access): string {
  if (access.kind === 'capability') return `use ${CAPABILITIES[access.capability] ?? `capability ${access.capability}`}`;
  if (access.kind === 'socket') return socketText(access);
  const applet =
    typeof access.applet === 'string' ? ` as ${access.applet}` : access.applet === undefined ? '' : ' as an applet that cannot be told';
  const owner = access.owner ? '' : ', owned by somebody else';
  return `${VERBS[access.kind]} ${access.object.path}${applet}${owner}`;
}

function socketText(access: SocketAccess): string {
  const { op, address, port } = access;
  const what = `a socket (${socketWords(access)})`;
  if (op === 'create') return `create ${what}`;
  const host = address?.includes(':') === true ? `[${address}]` : address;
  const at = port === undefined ? '' : `:${port}`;
  if (op === 'egress') return `connect ${what} to ${host ?? 'a peer without address'}${at}`;
  const own = port === undefined ? 'no port' : `port ${port}`;
  return op === 'ingress' ? `listen on ${own} with ${what}` : `take a connection on ${own} with ${what} from ${host ?? 'anybody'}`;
}

/** Protocols, and the type that each has without being asked. */
const PLAIN_TYPE: Readonly<Record<string, number>> = { tcp: 1, udp: 2, sctp: 1, dccp: 6, mptcp: 1, udplite: 2 };

/** `IPv4 tcp`, `unix stream`, `IPv4 raw icmp`. */
function socketWords({ domain, type, protocol }: SocketAccess): string {
  const isInet = domain === 2 || domain === 10;
  const byType = isInet ? { 1: 'tcp', 2: 'udp' }[type] : undefined;
  const kind = protocol === 0 ? (byType ?? '') : (PROTOCOLS[protocol] ?? `protocol ${protocol}`);
  const shownType = PLAIN_TYPE[kind] === type ? '' : (TYPES[type] ?? `type ${type}`);
  return [DOMAINS[domain] ?? `domain ${domain}`, shownType, kind].filter((word) => word !== '').join(' ');
}

/** Who acts, as a person says it; empty for a program by its path where `named` is false. */
export function subjectText(subject: Access['subject']): string {
  if (subject === undefined) return 'a program that cannot be known';
  return typeof subject === 'string' ? subject : 'the runtime, before the first exec';
}
