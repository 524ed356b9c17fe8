// SPDX-License-Identifier: Apache-2.0
import { ACCESS, CONDITION, FAMILY, IMAGE_FLAG, IMAGE_HEAD, NET_ENTRY, NET_KIND, NET_OP, POSTURE, VERDICT } from './image-layout.gen.ts';
import { ENTRY_WORDS, fnv1a } from './image.ts';
import type { HeadField } from './image.ts';
import { addressBytes } from './compile-sockets.ts';
import { CLASS_NOBODY, CLASS_UNKNOWN } from './subjects.ts';

/** An object's name: absolute in the workload's own mount name space, or foreign, or not known whole. */
export interface ObjectName {
  readonly path: string;
  readonly state?: 'own' | 'foreign' | 'unknown' | undefined;
  /** The path within the object's own superblock, where the mount shows only a part of it or the name is foreign. */
  readonly superblockPath?: string | undefined;
}

interface Acting {
  /** Executable of the acting task as of its exec; undefined: unknown; `runtime`: before the container's first exec. */
  readonly subject: string | undefined | { readonly runtime: true };
}
export interface PathAccess extends Acting {
  readonly kind: 'exec' | 'read' | 'write' | 'read-write' | 'map-exec' | 'rename';
  readonly object: ObjectName;
  /** The acting task's fsuid owns the object. */
  readonly owner: boolean;
  /** For an exec of a multi-call binary: the applet's name; `unknown`: which applet is meant cannot be told. */
  readonly applet?: string | { readonly unknown: true } | undefined;
}
export interface SocketAccess extends Acting {
  readonly kind: 'socket';
  /** `egress`: connect, send; `ingress`: bind, listen, accept. */
  readonly op: 'create' | 'egress' | 'ingress';
  /** AF_*, SOCK_*, IPPROTO_* numbers, the protocol as the socket has it. */
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}
export interface CapabilityAccess extends Acting {
  readonly kind: 'capability';
  readonly capability: number;
}
export type Access = PathAccess | SocketAccess | CapabilityAccess;

/** What the kernel does with an access. `rule` is absent where a default posture decided. */
export type Verdict =
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'denied' | 'audited'; readonly rule?: number | undefined };

interface Hit {
  /** Whether the default posture decides where no rule does. */
  readonly hasPosture: boolean;
  rank: number;
  rule: number;
  verdict: number;
  audit: boolean;
  auditRank: number;
  auditRule: number;
}

const COMPONENTS_MAX = 64;
const PATH_ACCESS = {
  exec: ACCESS.EXEC,
  read: ACCESS.READ,
  write: ACCESS.WRITE,
  'read-write': ACCESS.READ | ACCESS.WRITE,
  'map-exec': ACCESS.MAPX,
  rename: ACCESS.WRITE | ACCESS.MOVE,
} as const;

const newHit = (hasPosture = true): Hit => ({ hasPosture, rank: 0, rule: 0, verdict: VERDICT.NONE, audit: false, auditRank: 0, auditRule: 0 });

/** The words of an image with the walks that lib/match.h does. */
class Image {
  readonly w: Uint32Array;
  readonly #classes: Uint8Array;

  constructor(words: Uint32Array) {
    this.w = words;
    this.#classes = new Uint8Array(words.buffer, words.byteOffset + 256, 256);
  }

  head(field: HeadField, index = 0): number {
    return this.w[IMAGE_HEAD.offsets[field] / 4 + index]!;
  }

  /** The state of the k-th automaton behind these bytes. */
  run(bytes: Uint8Array, k: number): number {
    let s = this.head('starts', k);
    for (const byte of bytes) {
      if (s === 0) return 0;
      const byteClass = this.#classes[byte]!;
      const cell = this.w[s + byteClass] ?? 0xff;
      s = ((cell & 0xff) === byteClass ? cell : this.w[s]!) >>> 8;
    }
    return s;
  }

  /** The record that each automaton has for a name. */
  recordsOf(path: string): number[] {
    const used = [0, 1, 2, 3].filter((k) => this.head('starts', k) !== 0);
    return used.map((k) => this.recordOf(path, k)).filter((record) => record !== 0);
  }

  /** The record of a name, 0 for none: what its state accepts, or what is reachable where only the beginning is known. */
  recordOf(path: string, k: number): number {
    const parts = path.split('/');
    const deep = path.startsWith('/') && parts.length - 1 > COMPONENTS_MAX;
    const s = this.run(Buffer.from(deep ? parts.slice(0, COMPONENTS_MAX + 1).join('/') : path), k);
    const cell = s === 0 ? 0 : (this.w[s + (deep ? 2 : 1)] ?? 0);
    return (cell & 0xff) === (deep ? 2 : 1) ? cell >>> 8 : 0;
  }

  subjectClass(subject: Acting['subject']): number {
    if (subject === undefined) return CLASS_UNKNOWN;
    if (typeof subject === 'object') return this.head('runtime_class');
    const record = this.recordOf(subject, 0); // subjects are in the first automaton only
    return record === 0 ? CLASS_NOBODY : this.w[record]!;
  }

  inColumn(subjectClass: number, column: number): boolean {
    if (column === 0) return true;
    const word = this.w[this.head('matrix') + subjectClass * this.head('matrix_words') + (column >>> 5)]!;
    return ((word >>> (column & 31)) & 1) === 1;
  }
}

/** Block and Audit rules for any applet match it. @source bpf/lib/scope.h */
const APPLET_UNKNOWN = 0xffffffff;

interface Query {
  readonly subjectClass: number;
  readonly owner: boolean;
  readonly applet: number;
  readonly blockOnly: boolean;
}

function searchList(image: Image, list: number, access: number, query: Query, hit: Hit): void {
  const { w } = image;
  const matches = (at: number): boolean => {
    const what = w[at + 3]!;
    const condition = (what >>> 8) & 0xff;
    if (!(what & access)) return false;
    if (condition !== 0 && condition !== (query.owner ? CONDITION.OWNER : CONDITION.NOT_OWNER)) return false;
    if (query.blockOnly && what >>> 16 === VERDICT.ALLOW) return false;
    const applet = w[at + 4]!;
    const unknown = query.applet === APPLET_UNKNOWN && what >>> 16 !== VERDICT.ALLOW;
    return (applet === 0 || applet === query.applet || unknown) && image.inColumn(query.subjectClass, w[at + 2]!);
  };
  const first = list + 2;
  const audits = first + w[list]! * ENTRY_WORDS;
  const end = audits + w[list + 1]! * ENTRY_WORDS;
  let at = first;
  while (at < audits && !matches(at)) at += ENTRY_WORDS;
  if (at < audits) {
    const rank = w[at]!;
    const verdict = w[at + 3]! >>> 16;
    if (hit.verdict === VERDICT.NONE || rank < hit.rank || (rank === hit.rank && verdict === VERDICT.BLOCK)) {
      Object.assign(hit, { rank, verdict, rule: w[at + 1]! });
    }
  }
  at = audits;
  while (at < end && !matches(at)) at += ENTRY_WORDS;
  if (at < end && (!hit.audit || w[at]! < hit.auditRank)) Object.assign(hit, { audit: true, auditRank: w[at]!, auditRule: w[at + 1]! });
}

/** One alert at most: a denial's, else the most specific Audit rule's, else the posture's. */
function conclude(hits: readonly Hit[], posture: number): Verdict {
  const blocked = hits.find((hit) => hit.verdict === VERDICT.BLOCK);
  if (blocked) return { outcome: 'denied', rule: blocked.rule };
  const open = hits.some((hit) => hit.hasPosture && hit.verdict === VERDICT.NONE);
  if (open && posture === POSTURE.BLOCK) return { outcome: 'denied' };
  const audited = hits.find((hit) => hit.audit);
  if (audited) return { outcome: 'audited', rule: audited.auditRule };
  return open && posture === POSTURE.AUDIT ? { outcome: 'audited' } : { outcome: 'passed' };
}

function evaluatePath(image: Image, access: PathAccess): Verdict {
  const process = access.kind === 'exec' || access.kind === 'map-exec';
  if (!(image.head('flags') & (process ? IMAGE_FLAG.EXEC : IMAGE_FLAG.FILE))) return { outcome: 'passed' };
  const bits = PATH_ACCESS[access.kind];
  const each = [ACCESS.READ, ACCESS.WRITE, ACCESS.EXEC, ACCESS.MAPX, ACCESS.MOVE].filter((bit) => bits & bit);
  // executable mappings and moves have no posture: exec and write have
  const hits = each.map((bit) => newHit(((ACCESS.MAPX | ACCESS.MOVE) & bit) === 0));
  const { state, path, superblockPath } = access.object;
  const query = {
    subjectClass: image.subjectClass(access.subject),
    owner: access.owner,
    applet: access.applet === undefined ? 0 : typeof access.applet === 'string' ? fnv1a(access.applet) : APPLET_UNKNOWN,
  };
  const search = (records: readonly number[], blockOnly: boolean): void => {
    for (const record of records) {
      const list = image.w[record + (process ? 1 : 2)]!;
      if (list !== 0) for (const [i, bit] of each.entries()) searchList(image, list, bit, { ...query, blockOnly }, hits[i]!);
    }
  };
  search(state === 'unknown' ? [image.head('unknown')] : image.recordsOf(path), state === 'foreign');
  if (superblockPath !== undefined && image.head('flags') & IMAGE_FLAG.BLOCK_PATH) search(image.recordsOf(superblockPath), true);
  return conclude(hits, image.head('posture', process ? FAMILY.PROCESS : FAMILY.FILE));
}

const AF = { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17, SMC: 43, XDP: 44 } as const;
const [SOCK_STREAM, SOCK_DGRAM, SOCK_RAW] = [1, 2, 3] as const;
const NET_WORDS = NET_ENTRY.size / 4;

const IPPROTO = { TCP: 6, UDP: 17, UDPLITE: 136, MPTCP: 262 } as const;

/** The protocol that rules speak of: MPTCP and SMC are tcp, UDP-Lite is udp, 0 is the type's own. @source include/uapi/linux/in.h */
function ruleProtocol({ domain, type, protocol }: SocketAccess): number {
  if (domain === AF.SMC || protocol === IPPROTO.MPTCP) return IPPROTO.TCP;
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

function addressMatches(image: Image, at: number, access: SocketAccess): boolean {
  const { w } = image;
  const bits = w[at + 3]! >>> 24;
  const family = w[at + 6]!;
  const ports = w[at + 5]!;
  if (ports !== 0 && (access.port === undefined || access.port < (ports & 0xffff) || access.port > ports >>> 16)) return false;
  if (family === 0) return true;
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

const OPS = { create: NET_OP.CREATE, egress: NET_OP.EGRESS, ingress: NET_OP.INGRESS } as const;

function evaluateSocket(image: Image, access: SocketAccess): Verdict {
  const list = image.head('net');
  if (list === 0) return { outcome: 'passed' };
  const subjectClass = image.subjectClass(access.subject);
  const op = OPS[access.op];
  const { w } = image;
  const matches = (at: number): boolean =>
    (w[at + 3]! & op) !== 0 &&
    socketMatches(image, at, access) &&
    (op === NET_OP.CREATE || addressMatches(image, at, access)) &&
    image.inColumn(subjectClass, w[at + 2]!);
  const hit = newHit();
  const first = list + 2;
  const audits = first + w[list]! * NET_WORDS;
  for (let at = first; at < audits && hit.verdict === VERDICT.NONE; at += NET_WORDS) {
    if (matches(at)) Object.assign(hit, { verdict: (w[at + 3]! >>> 16) & 0xff, rule: w[at + 1]! });
  }
  for (let at = audits; at < audits + w[list + 1]! * NET_WORDS && !hit.audit; at += NET_WORDS) {
    if (matches(at)) Object.assign(hit, { audit: true, auditRule: w[at + 1]! });
  }
  return conclude([hit], image.head('posture', FAMILY.NETWORK));
}

function evaluateCapability(image: Image, access: CapabilityAccess): Verdict {
  const table = image.head('caps');
  if (table === 0) return { outcome: 'passed' };
  const hit = newHit();
  const list = image.w[table + (access.capability & 63)]!;
  const query = { subjectClass: image.subjectClass(access.subject), owner: false, applet: 0, blockOnly: false };
  if (list !== 0) searchList(image, list, 1, query, hit);
  return conclude([hit], image.head('posture', FAMILY.CAPABILITIES));
}

/**
 * What the kernel does with an access, from the very tables that it runs.
 *
 * @param image words of a compiled image
 * @returns the verdict in mode `enabled`; in mode `audited` a denial passes and is reported
 */
export function evaluate(image: Uint32Array, access: Access): Verdict {
  const view = new Image(image);
  if (access.kind === 'socket') return evaluateSocket(view, access);
  if (access.kind === 'capability') return evaluateCapability(view, access);
  return evaluatePath(view, access);
}
