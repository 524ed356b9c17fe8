// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import type { Access, PathAccess, SocketAccess } from './access.ts';
import { capabilityNumber, CAPABILITIES } from './capabilities.ts';
import { nearestWord } from '#base';
import { normal } from './root-hints.ts';
import type { HintedRoot } from './root-hints.ts';

/** What a person asks about: the words of `karmor explain` and of test files, in the order of their help. */
export const OPERATIONS = {
  exec: 'run this program',
  read: 'open this file for reading, or list this directory',
  write: 'write, create, remove, link or change this file',
  rename: 'rename this file or directory',
  map: 'map this file executable, as a loader does',
  connect: 'connect or send to this peer: `tcp:10.0.0.1:443`, `udp:[2001:db8::1]:53`, `icmp:10.0.0.1`',
  listen: 'bind to and listen on this port: `tcp:8080`',
  accept: 'take a connection of this peer to this own port: `tcp:10.0.0.9:8080`',
  socket: 'create a socket: tcp, udp, icmp, raw, packet, unix, stream, dgram …',
  capability: 'use a capability: `NET_RAW`',
} as const;
export type Operation = keyof typeof OPERATIONS;

/** Who asks. */
export interface Actor {
  /** The program as the kernel knows it; `runtime` before the first exec of a container. */
  readonly subject: Access['subject'];
  /** Whether who acts owns the object. */
  readonly owner: boolean;
}

/** A question in words, and the accesses it is made of in order: a connection needs a socket first, a mapping is a read too. */
export interface Question {
  readonly operation: Operation;
  readonly object: string;
  readonly steps: readonly Access[];
}
export interface WrongWord {
  readonly problem: string;
  readonly cure: string;
}

/** The accesses that an operation is made of, or what is wrong with its text. */
export function readQuestion(operation: Operation, text: string, actor: Actor, root: HintedRoot): Question | WrongWord {
  const steps = stepsOf(operation, text, actor, root);
  return 'problem' in steps ? steps : { operation, object: text, steps };
}

function stepsOf(operation: Operation, text: string, actor: Actor, root: HintedRoot): readonly Access[] | WrongWord {
  switch (operation) {
    case 'connect':
    case 'listen':
    case 'accept':
      return peerSteps(operation, text, actor);
    case 'socket': {
      const kind = socketKind(text);
      return 'problem' in kind ? kind : [{ kind: 'socket', op: 'create', ...kind, subject: actor.subject }];
    }
    case 'capability':
      return capabilityStep(text, actor);
    default:
      return pathStep(operation, text, actor, root);
  }
}

/** As the kernel asks: an executable mapping by the rules on programs, then by those on files. @source bpf/file.bpf.h, check_mapping */
const PATH_KINDS = {
  exec: ['exec'],
  read: ['read'],
  write: ['write'],
  rename: ['rename'],
  map: ['map-exec', 'read'],
} as const satisfies { readonly [operation in Operation]?: readonly PathAccess['kind'][] };

function pathStep(operation: keyof typeof PATH_KINDS, text: string, { subject, owner }: Actor, root: HintedRoot): PathAccess[] | WrongWord {
  if (!text.startsWith('/')) return { problem: `\`${text}\` is not an absolute path`, cure: 'start it with /' };
  if (/[\0\n]/.test(text)) return { problem: 'a path has no NUL and no line end here', cure: 'name another file' };
  const path = normal(text);
  // what removes or renames a name acts on the link, everything else on what it leads to
  const multicall = operation === 'exec' ? root.find(path).multicall : undefined;
  const common = { object: { path: root.real(path) }, owner, subject, ...(multicall && { applet: multicall.applet }) };
  return PATH_KINDS[operation].map((kind) => ({ kind, ...common }));
}

/** The question that a mapping in a comparison stands for: the same file, owner and program, read too. */
export function mappingOf(access: PathAccess): Question {
  return { operation: 'map', object: access.object.path, steps: PATH_KINDS.map.map((kind) => ({ ...access, kind })) };
}

function capabilityStep(text: string, { subject }: Actor): readonly Access[] | WrongWord {
  const name = `CAP_${text.toUpperCase().replace(/^CAP_/, '')}`;
  const capability = capabilityNumber(name);
  if (capability >= 0) return [{ kind: 'capability', capability, subject }];
  const near = nearestWord(name, CAPABILITIES);
  const cure = near === undefined ? 'names are in capabilities(7), such as NET_RAW' : `did you mean \`${near.slice(4)}\`?`;
  return { problem: `\`${text}\` is not a capability`, cure };
}

type SocketKind = Pick<SocketAccess, 'domain' | 'type' | 'protocol'>;

/** @source linux/socket.h, linux/net.h, uapi/linux/in.h */
const SOCKETS: Readonly<Record<string, SocketKind>> = {
  tcp: { domain: 2, type: 1, protocol: 6 },
  udp: { domain: 2, type: 2, protocol: 17 },
  icmp: { domain: 2, type: 2, protocol: 1 },
  icmpv6: { domain: 10, type: 2, protocol: 58 },
  sctp: { domain: 2, type: 1, protocol: 132 },
  dccp: { domain: 2, type: 6, protocol: 33 },
  raw: { domain: 2, type: 3, protocol: 255 },
  mptcp: { domain: 2, type: 1, protocol: 262 },
  udplite: { domain: 2, type: 2, protocol: 136 },
  unix: { domain: 1, type: 1, protocol: 0 },
  'unix-dgram': { domain: 1, type: 2, protocol: 0 },
  netlink: { domain: 16, type: 3, protocol: 0 },
  packet: { domain: 17, type: 3, protocol: 0 },
  stream: { domain: 1, type: 1, protocol: 0 },
  dgram: { domain: 1, type: 2, protocol: 0 },
  seqpacket: { domain: 1, type: 5, protocol: 0 },
  rdm: { domain: 30, type: 4, protocol: 0 },
};
/** Words for sockets, for help and completion. */
export const SOCKET_WORDS: readonly string[] = Object.keys(SOCKETS);
const WITH_PEERS: readonly string[] = ['tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'dccp', 'raw', 'mptcp', 'udplite'];

function socketKind(word: string): SocketKind | WrongWord {
  const known = word.toLowerCase();
  if (Object.hasOwn(SOCKETS, known)) return SOCKETS[known]!;
  const near = nearestWord(word, SOCKET_WORDS);
  return {
    problem: `\`${word}\` is no kind of socket`,
    cure: near === undefined ? `write one of ${SOCKET_WORDS.join(', ')}` : `did you mean \`${near}\`?`,
  };
}

const PEER =
  /^(?<word>[\w-]+)(?::(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:[\]]*\.[^:[\]]*)|(?<bare>[0-9a-fA-F]*:[0-9a-fA-F:.]*))?(?::?(?<port>\d+))?)?$/;

interface Peer {
  readonly kind: SocketKind;
  readonly address: string | undefined;
  readonly port: number | undefined;
}

function peerSteps(operation: 'connect' | 'listen' | 'accept', text: string, { subject }: Actor): readonly Access[] | WrongWord {
  const example = operation === 'listen' ? 'tcp:8080' : 'tcp:10.0.0.1:443 or udp:[2001:db8::1]:53';
  const parts = PEER.exec(text)?.groups;
  if (parts === undefined) return { problem: `\`${text}\` is no peer`, cure: `write it as ${example}` };
  const peer = readPeer(parts);
  if ('problem' in peer) return peer;
  const missing = operation === 'listen' ? peer.port === undefined : peer.address === undefined;
  if (missing) return { problem: `\`${text}\` has no ${operation === 'listen' ? 'port' : 'address'}`, cure: `write it as ${example}` };
  const common = { ...peer.kind, domain: isIP(peer.address ?? '') === 6 ? 10 : peer.kind.domain, subject };
  const op = { connect: 'egress', listen: 'ingress', accept: 'request' } as const;
  const step: SocketAccess = { kind: 'socket', op: op[operation], ...common, address: peer.address, port: peer.port };
  return operation === 'accept' ? [step] : [{ kind: 'socket', op: 'create', ...common }, step];
}

function readPeer(parts: Readonly<Record<string, string | undefined>>): Peer | WrongWord {
  const word = (parts['word'] ?? '').toLowerCase();
  const address = parts['v6'] ?? parts['v4'] ?? parts['bare'];
  if (!WITH_PEERS.includes(word)) {
    const near = nearestWord(word, WITH_PEERS);
    const cure = near === undefined ? `write one of ${WITH_PEERS.join(', ')}` : `did you mean \`${near}\`?`;
    return { problem: `\`${word}\` has no peers`, cure };
  }
  if (address !== undefined && isIP(address) === 0) {
    return { problem: `\`${address}\` is not an IP address`, cure: 'names are not looked up: write the address' };
  }
  const port = parts['port'] === undefined ? undefined : Number(parts['port']);
  if (port !== undefined && port > 65_535) return { problem: `there is no port ${port}`, cure: 'ports are 0 to 65535' };
  return { kind: SOCKETS[word]!, address, port };
}
