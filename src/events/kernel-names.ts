// SPDX-License-Identifier: Apache-2.0
import { CAPABILITIES } from '#policy';

/** `CAP_NET_RAW`; a number that has no name as `CAP_99`. */
export const capabilityName = (number: number): string => CAPABILITIES[number] ?? `CAP_${number}`;

/** @source include/linux/socket.h */
const DOMAINS: Readonly<Record<number, string>> = {
  0: 'AF_UNSPEC',
  1: 'AF_UNIX',
  2: 'AF_INET',
  10: 'AF_INET6',
  16: 'AF_NETLINK',
  17: 'AF_PACKET',
  38: 'AF_ALG',
  40: 'AF_VSOCK',
  43: 'AF_SMC',
  44: 'AF_XDP',
};
/** @source include/linux/net.h */
const TYPES: Readonly<Record<number, string>> = {
  1: 'SOCK_STREAM',
  2: 'SOCK_DGRAM',
  3: 'SOCK_RAW',
  4: 'SOCK_RDM',
  5: 'SOCK_SEQPACKET',
  6: 'SOCK_DCCP',
  10: 'SOCK_PACKET',
};
/** @source IANA protocol numbers; 256 and above: include/uapi/linux/in.h, include/uapi/linux/smc.h */
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'HOPOPT',
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  33: 'DCCP',
  41: 'IPv6',
  47: 'GRE',
  50: 'ESP',
  58: 'IPv6-ICMP',
  132: 'SCTP',
  136: 'UDPLite',
  255: 'Reserved',
  256: 'SMC',
  262: 'MPTCP',
};
export const domainName = (number: number): string => DOMAINS[number] ?? String(number);
export const socketTypeName = (number: number): string => TYPES[number] ?? String(number);
export const protocolName = (number: number): string => PROTOCOLS[number] ?? String(number);

/**
 * In KubeArmor's order. O_LARGEFILE is left out: a 64-bit kernel adds it to every open by itself. O_SYNC and O_TMPFILE
 * contain O_DSYNC and O_DIRECTORY. @source include/uapi/asm-generic/fcntl.h
 */
const OPEN_FLAGS: readonly (readonly [mask: number, name: string])[] = [
  [0o100, 'O_CREAT'],
  [0o200, 'O_EXCL'],
  [0o400, 'O_NOCTTY'],
  [0o1000, 'O_TRUNC'],
  [0o2000, 'O_APPEND'],
  [0o4000, 'O_NONBLOCK'],
  [0o4010000, 'O_SYNC'],
  [0o20000, 'O_ASYNC'],
  [0o200000, 'O_DIRECTORY'],
  [0o400000, 'O_NOFOLLOW'],
  [0o2000000, 'O_CLOEXEC'],
  [0o40000, 'O_DIRECT'],
  [0o1000000, 'O_NOATIME'],
  [0o10000000, 'O_PATH'],
  [0o20200000, 'O_TMPFILE'],
];
const ACCESS_MODES = ['O_RDONLY', 'O_WRONLY', 'O_RDWR'];

/** `O_RDONLY|O_CLOEXEC`, by the numbers of x86-64. */
export function openFlagNames(flags: number): string {
  const names = OPEN_FLAGS.filter(([mask]) => (flags & mask) === mask).map(([, name]) => name);
  return [ACCESS_MODES[flags & 3] ?? 'O_ACCMODE', ...names].join('|');
}
