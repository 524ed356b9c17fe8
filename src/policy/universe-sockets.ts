// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import type { Access, CapabilityAccess, SocketAccess } from './access.ts';
import { CAPABILITIES, capabilityNumber } from './capabilities.ts';
import { compile } from './compile.ts';
import { addressBytes } from './compile-sockets.ts';
import { judge } from './evaluate.ts';
import type { NetworkRule, Rule } from './model.ts';
import { alone, ANY_WORKLOAD } from './one-rule.ts';
import { VERDICT } from './image-layout.gen.ts';

type Subject = Access['subject'];
type Kind = Pick<SocketAccess, 'domain' | 'type' | 'protocol'>;

/**
 * Sockets that rules can tell apart, what programs use most first: the first of each kind is shown to people.
 *
 * @source include/linux/socket.h (AF_UNIX 1, INET 2, INET6 10, NETLINK 16, PACKET 17, ALG 38, SMC 43, XDP 44), linux/net.h, uapi/linux/in.h
 */
const COMMON: readonly Kind[] = [
  { domain: 2, type: 1, protocol: 6 },
  { domain: 2, type: 2, protocol: 17 },
  { domain: 2, type: 2, protocol: 1 },
  { domain: 2, type: 3, protocol: 1 },
  { domain: 10, type: 3, protocol: 58 },
  { domain: 1, type: 1, protocol: 0 },
  { domain: 1, type: 2, protocol: 0 },
  { domain: 16, type: 3, protocol: 0 },
  { domain: 17, type: 3, protocol: 0 },
];
const [DOMAINS, TYPES, PROTOCOLS] = [
  [2, 10, 1, 16, 17, 38, 43, 44],
  [1, 2, 3, 4, 5, 10],
  [0, 6, 17, 1, 58, 132, 33, 136, 255, 256, 262],
] as const;

function allKinds(): Kind[] {
  const all = DOMAINS.flatMap((domain) => TYPES.flatMap((type) => PROTOCOLS.map((protocol) => ({ domain, type, protocol }))));
  return [...COMMON, ...all];
}

/** One socket for each set of protocol words that match it together, apart by whether its peers are judged by themselves. */
function kindsFor(rules: readonly NetworkRule[]): Kind[] {
  const images = [...new Set(rules.map(({ protocol }) => protocol))].map((protocol) => {
    const rule = { family: 'network', protocol, action: 'Block', field: '', severity: 0, tags: [], message: '', subjects: [] } as const;
    const made = compile([alone(rule)], ANY_WORKLOAD);
    if ('exceeded' in made) throw new Error(`one rule is beyond a limit: ${made.exceeded}`);
    return made.image;
  });
  const byKey = new Map<string, Kind>();
  for (const kind of allKinds()) {
    const access: SocketAccess = { kind: 'socket', op: 'create', ...kind, subject: undefined };
    const words = images.map((image) => (judge(image, access).hits.some(({ verdict }) => verdict === VERDICT.BLOCK) ? 1 : 0));
    const isStream = kind.type === 1 && [0, 6, 262].includes(kind.protocol);
    const key = `${words.join('')} ${isStream && [2, 10].includes(kind.domain)} ${[2, 10, 43].includes(kind.domain)}`;
    if (!byKey.has(key)) byKey.set(key, kind);
  }
  return [...byKey.values()];
}

/** Ports on either side of every bound, one that is in no rule, and none. */
function portsFor(rules: readonly NetworkRule[]): (number | undefined)[] {
  const starts = new Set<number>();
  for (const { port, endPort } of rules) {
    if (port === undefined) continue;
    starts.add(port);
    starts.add((endPort ?? port) + 1);
  }
  if (starts.size === 0) return [undefined];
  return [...[...starts].filter((port) => port <= 65_535), ...(starts.has(1) ? [] : [1]), undefined];
}

const MAX = { 4: (1n << 32n) - 1n, 16: (1n << 128n) - 1n } as const;

/** The first address of each range that the bounds of all `cidr` cut out of a family, and none. */
function addressesFor(rules: readonly NetworkRule[]): (string | undefined)[] {
  const cidrs = [...new Set(rules.flatMap(({ cidr }) => cidr ?? []))];
  if (cidrs.length === 0) return [undefined];
  const starts = { 4: new Set([1n << 24n]), 16: new Set([0x2000n << 112n]) };
  for (const cidr of cidrs) {
    const [address = '', length] = cidr.split('/');
    const bytes = addressBytes(address);
    const size = bytes.length === 4 ? 4 : 16;
    const host = BigInt(size * 8 - (length === undefined ? size * 8 : Number(length)));
    const first = (bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) >> host) << host;
    const next = first + (1n << host);
    starts[size].add(first);
    if (next <= MAX[size]) starts[size].add(next);
  }
  starts[4].add(0n);
  starts[16].add(0n);
  return [
    ...Array.from(starts[4], (value) => addressText(value, 4)),
    ...Array.from(starts[16], (value) => addressText(value, 16)),
    undefined,
  ];
}

function addressText(value: bigint, size: 4 | 16): string {
  const bytes = Array.from({ length: size }, (_, i) => Number((value >> BigInt((size - 1 - i) * 8)) & 255n));
  if (size === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2]! << 8) | bytes[i * 2 + 1]!).toString(16));
  const text = groups.join(':').replace(/(?:^|:)0(?::0)+(?::|$)/, '::');
  return isIPv6(text) ? text : groups.join(':');
}

/** One of each kind of socket access that these rules can tell apart, `most` at most; none where there are no rules on sockets. */
export function socketAccesses(rules: readonly Rule[], subjects: readonly Subject[], most: number): SocketAccess[] {
  const mine = rules.filter((rule) => rule.family === 'network');
  return mine.length === 0 ? [] : [...eachSocketAccess(mine, subjects).take(Math.max(0, most))];
}

/** One after the other: addresses times ports of a long policy are more than memory holds. */
function* eachSocketAccess(rules: readonly NetworkRule[], subjects: readonly Subject[]): Generator<SocketAccess> {
  const [addresses, ports] = [addressesFor(rules), portsFor(rules)];
  const sockets = kindsFor(rules).flatMap((kind) => subjects.map((subject) => ({ kind: 'socket' as const, ...kind, subject })));
  for (const socket of sockets) {
    yield { ...socket, op: 'create' };
    for (const op of ['egress', 'ingress', 'request'] as const) yield* eachPeer({ ...socket, op }, addresses, ports);
  }
}

function* eachPeer(
  socket: SocketAccess,
  addresses: readonly SocketAccess['address'][],
  ports: readonly SocketAccess['port'][],
): Generator<SocketAccess> {
  for (const address of addresses) for (const port of ports) yield { ...socket, address, port };
}

/** One of each kind of capability check that these rules can tell apart. */
export function capabilityAccesses(rules: readonly Rule[], subjects: readonly Subject[]): CapabilityAccess[] {
  const mine = rules.filter((rule) => rule.family === 'capabilities');
  if (mine.length === 0) return [];
  const named = new Set(mine.map(({ capability }) => capabilityNumber(capability)).filter((number) => number >= 0));
  const other = CAPABILITIES.findIndex((_name, number) => !named.has(number));
  const numbers = other < 0 ? [...named] : [...named, other];
  return numbers.flatMap((capability) => subjects.map((subject) => ({ kind: 'capability' as const, capability, subject })));
}
