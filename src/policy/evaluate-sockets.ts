// SPDX-License-Identifier: Apache-2.0
import type { CapabilityAccess, SocketAccess } from './access.ts';
import { addressBytes } from './compile-sockets.ts';
import { NET_ENTRY, NET_KIND, NET_OP, VERDICT } from './image-layout.gen.ts';
import { newHit, searchList } from './image-view.ts';
import type { Hit, Image } from './image-view.ts';

const AF = { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17, SMC: 43, XDP: 44 } as const;
const [SOCK_STREAM, SOCK_DGRAM, SOCK_RAW] = [1, 2, 3] as const;
const NET_WORDS = NET_ENTRY.size / 4;

const IPPROTO = { TCP: 6, UDP: 17, UDPLITE: 136, SMC: 256, MPTCP: 262 } as const;

/** The protocol that rules speak of: MPTCP and SMC are tcp, UDP-Lite is udp, 0 is the type's own. @source include/uapi/linux/in.h */
function ruleProtocol({ domain, type, protocol }: SocketAccess): number {
  if (domain === AF.SMC || protocol === IPPROTO.MPTCP || (protocol === IPPROTO.SMC && type === SOCK_STREAM)) return IPPROTO.TCP;
  if (protocol === 0) return type === SOCK_STREAM ? IPPROTO.TCP : type === SOCK_DGRAM ? IPPROTO.UDP : 0;
  return protocol === IPPROTO.UDPLITE ? IPPROTO.UDP : protocol;
}

function socketMatches(image: Image, at: number, access: SocketAccess): boolean {
  const { w } = image;
  const kind = (w[at + 3]! >>> 8) & 0xff;
  const value = w[at + 4]!;
  const inet = access.domain === AF.INET || access.domain === AF.INET6 || access.domain === AF.SMC;
  if (kind === NET_KIND.ALL) return true;
  if (kind === NET_KIND.TYPE) return access.type === value;
  if (kind === NET_KIND.PROTOCOL) return inet && ruleProtocol(access) === value;
  return (inet && access.type === SOCK_RAW) || access.domain === AF.PACKET || access.domain === AF.XDP;
}

function addressMatches(image: Image, at: number, access: SocketAccess, op: number): boolean {
  const { w } = image;
  const bits = w[at + 3]! >>> 24;
  const family = w[at + 6]!;
  const ports = w[at + 5]!;
  if (ports !== 0 && (access.port === undefined || access.port < (ports & 0xffff) || access.port > ports >>> 16)) return false;
  if (family === 0) return true;
  if ((op & NET_OP.INGRESS) !== 0) return (((w[at + 3]! >>> 16) & 0xff) === VERDICT.ALLOW) === ((op & NET_OP.REQUEST) === 0);
  if (access.address === undefined) return false;
  const bytes = unmapped(addressBytes(access.address));
  if ((bytes.length === 4 ? AF.INET : AF.INET6) !== family) return false;
  const rule = new Uint8Array(w.buffer, w.byteOffset + (at + 7) * 4, 16);
  return bytes.every((byte, i) => {
    const mask = (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff;
    return (byte & mask) === (rule[i]! & mask);
  });
}

/** An IPv4 address in an IPv6 socket is IPv4. */
function unmapped(bytes: number[]): number[] {
  const mapped = bytes.length === 16 && bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.slice(12) : bytes;
}

const OPS = { create: NET_OP.CREATE, egress: NET_OP.EGRESS, ingress: NET_OP.INGRESS, request: NET_OP.REQUEST } as const;

/** What asks the image; of a local role whose peers are never seen the strictest that they might be counts. @source bpf/net.bpf.h */
function operationOf(access: SocketAccess): number {
  const { op, domain, type, protocol } = access;
  const inet = domain === AF.INET || domain === AF.INET6;
  const asksItself = inet && type === SOCK_STREAM && (protocol === 0 || protocol === IPPROTO.TCP || protocol === IPPROTO.MPTCP);
  return op === 'ingress' && !asksItself ? NET_OP.INGRESS | NET_OP.REQUEST : OPS[op];
}

/** What the rules say of an access of a socket. */
export function socketHits(image: Image, access: SocketAccess): Hit[] {
  const list = image.head('net');
  if (list === 0) return [];
  const subjectClass = image.subjectClass(access.subject);
  const op = operationOf(access);
  const { w } = image;
  const matches = (at: number): boolean =>
    (w[at + 3]! & op) !== 0 &&
    socketMatches(image, at, access) &&
    (op === NET_OP.CREATE || addressMatches(image, at, access, op)) &&
    image.inColumn(subjectClass, w[at + 2]!);
  const hit = newHit();
  const first = list + 2;
  const audits = first + w[list]! * NET_WORDS;
  for (let at = first; at < audits && hit.verdict === VERDICT.NONE; at += NET_WORDS) {
    if (matches(at)) Object.assign(hit, { rank: w[at]!, verdict: (w[at + 3]! >>> 16) & 0xff, rule: w[at + 1]! });
  }
  for (let at = audits; at < audits + w[list + 1]! * NET_WORDS && !hit.audit; at += NET_WORDS) {
    if (matches(at)) Object.assign(hit, { audit: true, auditRank: w[at]!, auditRule: w[at + 1]! });
  }
  return [hit];
}

/** What the rules say of a capability check. */
export function capabilityHits(image: Image, access: CapabilityAccess): Hit[] {
  const table = image.head('caps');
  if (table === 0) return [];
  const hit = newHit();
  const list = image.w[table + (access.capability & 63)]!;
  const query = { subjectClass: image.subjectClass(access.subject), owner: false, applet: 0, blockOnly: false };
  if (list !== 0) searchList(image, list, { access: 1, query }, hit);
  return [hit];
}
