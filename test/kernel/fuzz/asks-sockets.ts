// SPDX-License-Identifier: Apache-2.0
import type { SocketAccess } from '#policy';
import { FAMILY_NAMES, TYPE_NAMES } from '../alerts.ts';
import type { Actor, Ask, Move, Told } from './asks.ts';

const numberOf = (table: Readonly<Record<number, string>>, word: string): number =>
  Number(Object.keys(table).find((number) => table[Number(number)] === word));

type Socket = Pick<SocketAccess, 'kind' | 'domain' | 'type' | 'protocol'>;

interface Slot {
  readonly socket: Socket;
  /** Rules under which its making raised an alert. */
  told: number | undefined;
  by: Told | undefined;
  address: string;
  port: number;
}

interface Listener {
  readonly socket: Socket;
  readonly address: string;
  readonly subject: Actor['subject'];
}

/** The sockets of a process by slot, and those that listen by port. */
export interface Sockets {
  readonly slots: Map<string, Slot>;
  readonly listeners: Map<number, Listener>;
}

const DEFAULT_PROTOCOLS: Readonly<Record<string, number>> = { stream: 6, dgram: 17 };

function socketOf([family = '', type = '', protocol]: readonly string[]): Socket {
  const usual = family.startsWith('inet') ? (DEFAULT_PROTOCOLS[type] ?? 0) : 0;
  return {
    kind: 'socket',
    domain: numberOf(FAMILY_NAMES, family),
    type: numberOf(TYPE_NAMES, type),
    protocol: protocol === undefined ? usual : Number(protocol),
  };
}

const HOOKS = { create: 'SOCKET_CREATE', egress: 'SOCKET_CONNECT', ingress: 'SOCKET_BIND', request: 'SOCKET_ACCEPT' } as const;

type Peer = Pick<SocketAccess, 'op' | 'address' | 'port'> & { readonly hook?: string };

function ask({ socket, subject }: Pick<Listener, 'socket' | 'subject'>, { hook, ...peer }: Peer, slot?: Slot): Ask {
  const name = `${FAMILY_NAMES[socket.domain]}/${TYPE_NAMES[socket.type]}/${socket.protocol}`;
  return {
    access: { ...socket, ...peer, subject },
    hook: hook ?? HOOKS[peer.op],
    object: peer.port === undefined || peer.port === 0 ? name : `${name}@${peer.address}:${peer.port}`,
    refusal: peer.op === 'request' ? 'ETIMEDOUT' : 'EACCES',
    ...(slot === undefined ? {} : { socket: slot }),
  };
}

const INTERNET = [2, 10];
const [RAW, PACKET] = [3, 17];

/** What a step on sockets asks; undefined where it is none. */
export function socketMoves(actor: Actor, verb: string, words: readonly string[]): Move | undefined {
  if (verb === 'socket' || verb === 'sock') return make(actor, verb === 'sock' ? words : ['', ...words]);
  const doing = VERBS[verb];
  if (doing === undefined) return undefined;
  const [slot = '', ...rest] = words;
  const known = actor.sockets.slots.get(slot);
  return known === undefined ? { asks: [], result: 'EBADF' } : doing(actor, known, rest);
}

function make(actor: Actor, [slot = '', ...words]: readonly string[]): Move {
  const socket = socketOf(words);
  const { subject } = actor;
  const made: Slot = { socket, told: undefined, by: undefined, address: '', port: 0 };
  const needsRaw = (INTERNET.includes(socket.domain) && socket.type === RAW) || socket.domain === PACKET;
  return {
    asks: [ask({ socket, subject }, { op: 'create' }), ...(needsRaw ? [actor.capable(13)] : [])],
    done: (told) => {
      if (told !== undefined) Object.assign(made, { told: actor.rules, by: told });
      if (slot !== '') actor.sockets.slots.set(slot, made);
    },
  };
}

type Doing = (actor: Actor, slot: Slot, words: readonly string[]) => Move;

const toPeer = (hook: string): Doing => {
  return ({ subject }, slot, [address, port]) => ({
    asks: [ask({ socket: slot.socket, subject }, { op: 'egress', address, port: Number(port), hook }, slot)],
    result: 'any',
  });
};

const bind: Doing = ({ subject }, slot, [address = '', port]) => ({
  asks: [ask({ socket: slot.socket, subject }, { op: 'ingress', address, port: Number(port) }, slot)],
  done: () => Object.assign(slot, { address, port: Number(port) }),
});

const listen: Doing = ({ subject, sockets }, slot) => ({
  asks: [ask({ socket: slot.socket, subject }, { op: 'ingress', address: slot.address, port: slot.port, hook: 'SOCKET_LISTEN' }, slot)],
  done: () => {
    if (slot.port !== 0) sockets.listeners.set(slot.port, { socket: slot.socket, address: slot.address, subject });
  },
});

/** Binds, connects, and where somebody listens there, that one is asked too. */
const dial: Doing = ({ subject, sockets }, slot, [from, to, text]) => {
  const port = Number(text);
  const who = { socket: slot.socket, subject };
  const listener = sockets.listeners.get(port);
  const asks = [ask(who, { op: 'ingress', address: from, port: 0 }, slot), ask(who, { op: 'egress', address: to, port }, slot)];
  if (listener !== undefined && listener.address === to) asks.push(ask(listener, { op: 'request', address: from, port }));
  return { asks, result: 'any' };
};

const VERBS: Readonly<Record<string, Doing>> = {
  connect: toPeer('SOCKET_CONNECT'),
  sendto: toPeer('SOCKET_SENDMSG'),
  sendmsg: toPeer('SOCKET_SENDMSG'),
  bind,
  listen,
  dial,
  'big-buffer': (actor) => ({ asks: [actor.capable(12)] }),
};
