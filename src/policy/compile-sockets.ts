// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import { capabilityNumber } from './capabilities.ts';
import { NET_KIND, NET_OP, VERDICT } from './image-layout.gen.ts';
import type { ImageWriter } from './image.ts';
import { netKind } from './lower.ts';
import type { CapabilityRule, NetworkRule, Rule } from './model.ts';
import { capabilityRank, networkRank } from './rank.ts';
import type { RuleInfo } from './rule-info.ts';

interface Numbered {
  readonly rule: Rule;
  readonly info: RuleInfo;
}
type ColumnOf = (rule: Rule) => number;

const VERDICT_OF = { Allow: VERDICT.ALLOW, Block: VERDICT.BLOCK, Audit: VERDICT.AUDIT } as const;
const AF_INET = 2;
const AF_INET6 = 10;
const CAPABILITY_SLOTS = 64;

/** Bytes of an IP address in network order: 4 or 16. */
export function addressBytes(address: string): number[] {
  if (!isIPv6(address)) return address.split('.').map(Number);
  const mapped = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped) {
    const [a, b, c, d] = mapped[2]!.split('.').map(Number) as [number, number, number, number];
    return addressBytes(`${mapped[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head = '', tail] = address.split('::');
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const middle = Array.from({ length: 8 - left.length - right.length }, () => 0);
  return [...left, ...(tail === undefined ? [] : middle), ...right].flatMap((group) => [group >> 8, group & 255]);
}

/** Little-endian words of bytes in network order, as the kernel program reads them; bits beyond the prefix cleared. */
function addressWords(cidr: string): { family: number; bits: number; words: number[] } {
  const [address = '', length] = cidr.split('/');
  const bytes = addressBytes(address);
  const bits = length === undefined ? bytes.length * 8 : Number(length);
  const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff);
  while (masked.length < 16) masked.push(0);
  const view = new DataView(Uint8Array.from(masked).buffer);
  return { family: bytes.length === 4 ? AF_INET : AF_INET6, bits, words: [0, 4, 8, 12].map((at) => view.getUint32(at, true)) };
}

/** Whether a rule is about who may connect to a listening socket: it is decided when a peer asks for a connection. */
export function judgesPeers(rule: Rule): boolean {
  return rule.family === 'network' && rule.cidr !== undefined && rule.direction === 'ingress';
}

/** At which moments of a socket's life a rule speaks. */
function operations(rule: NetworkRule): number {
  const detail = rule.port !== undefined || rule.cidr !== undefined;
  // what an Audit rule without cidr has to say of a listening socket was said before anybody asked for a connection
  const ingress = NET_OP.INGRESS | (rule.action === 'Audit' ? 0 : NET_OP.REQUEST);
  if (rule.direction === undefined && !detail) return NET_OP.CREATE | NET_OP.EGRESS | ingress;
  if (judgesPeers(rule) && rule.action !== 'Allow') return NET_OP.REQUEST;
  const op = rule.direction === 'ingress' ? ingress : NET_OP.EGRESS;
  // a socket of a protocol that is allowed to some port or peer must be made first: the decision is deferred
  return rule.action === 'Allow' ? op | NET_OP.CREATE : op;
}

function networkEntry(rule: NetworkRule, id: number, subject: number): number[] {
  const { kind, value } = netKind(rule);
  const { family, bits, words } = rule.cidr === undefined ? { family: 0, bits: 0, words: [0, 0, 0, 0] } : addressWords(rule.cidr);
  const what = operations(rule) | (NET_KIND[kind] << 8) | (VERDICT_OF[rule.action] << 16) | (bits << 24);
  const ports = rule.port === undefined ? 0 : rule.port | ((rule.endPort ?? rule.port) << 16);
  return [networkRank(rule), id, subject, what >>> 0, value, ports >>> 0, family, ...words];
}

const byPrecedence = (a: readonly number[], b: readonly number[]): number => {
  const block = (e: readonly number[]): number => (((e[3]! >>> 16) & 0xff) === VERDICT.BLOCK ? 0 : 1);
  return a[0]! - b[0]! || block(a) - block(b) || a[1]! - b[1]!;
};

const isAudit = (entry: readonly number[]): boolean => ((entry[3]! >>> 16) & 0xff) === VERDICT.AUDIT;

/** Writes the network list; gives its index, 0 for none. */
export function compileNetwork(rules: readonly Numbered[], columnOf: ColumnOf, writer: ImageWriter): number {
  const entries: number[][] = [];
  for (const { rule, info } of rules) if (rule.family === 'network') entries.push(networkEntry(rule, info.id, columnOf(rule)));
  if (entries.length === 0) return 0;
  entries.sort(byPrecedence);
  const verdicts = entries.filter((e) => !isAudit(e));
  const audits = entries.filter(isAudit);
  return writer.put([verdicts.length, audits.length, ...verdicts.flat(), ...audits.flat()]);
}

/** Writes the table of 64 lists by capability number; gives its index, 0 for none. */
export function compileCapabilities(rules: readonly Numbered[], columnOf: ColumnOf, writer: ImageWriter): number {
  const mine = rules.filter((r): r is { rule: CapabilityRule; info: RuleInfo } => r.rule.family === 'capabilities');
  if (mine.length === 0) return 0;
  const table = Array.from({ length: CAPABILITY_SLOTS }, () => 0);
  for (let number = 0; number < CAPABILITY_SLOTS; number++) {
    const entries = mine
      .filter(({ rule }) => capabilityNumber(rule.capability) === number)
      .map(({ rule, info }) => [capabilityRank(rule.subjects.length > 0), info.id, columnOf(rule), (VERDICT_OF[rule.action] << 16) | 1, 0])
      .sort(byPrecedence);
    if (entries.length === 0) continue;
    const verdicts = entries.filter((e) => !isAudit(e));
    const audits = entries.filter(isAudit);
    table[number] = writer.put([verdicts.length, audits.length, ...verdicts.flat(), ...audits.flat()]);
  }
  return writer.put(table);
}
