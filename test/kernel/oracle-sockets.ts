// SPDX-License-Identifier: Apache-2.0
import type { SocketAccess } from '#policy';

const FAMILIES: Readonly<Record<string, number>> = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 };
const TYPES: Readonly<Record<string, number>> = { stream: 1, dgram: 2, raw: 3, seqpacket: 5 };
const INTERNET: ReadonlySet<number> = new Set([2, 10]);
const DEFAULT_PROTOCOLS: Readonly<Record<string, number>> = { stream: 6, dgram: 17 };

type Made = Pick<SocketAccess, 'kind' | 'domain' | 'type' | 'protocol'>;

/** An access that a step asks for, and how the step ends where it is denied. */
export interface Asked {
  readonly access: SocketAccess;
  readonly refusal: 'EACCES' | 'ETIMEDOUT';
}

function made([family = '', type = '', protocol]: readonly string[]): Made | undefined {
  const usual = family.startsWith('inet') ? (DEFAULT_PROTOCOLS[type] ?? 0) : 0;
  const [domain, number] = [FAMILIES[family], TYPES[type]];
  if (domain === undefined || number === undefined) return undefined;
  return { kind: 'socket', domain, type: number, protocol: protocol === undefined ? usual : Number(protocol) };
}

const denied = (access: SocketAccess): Asked => ({ access, refusal: 'EACCES' });

interface Slot {
  readonly socket: Made;
  readonly port?: number | undefined;
}

/** What the steps of a process do to its sockets of IPv4 and IPv6, from their words and results alone. */
export class SocketOracle {
  readonly #slots = new Map<string, Slot>();
  /** Who listens, by port. */
  readonly #listeners = new Map<number, Made & { readonly subject: string }>();

  /** The accesses of a step in their order; empty where its words do not tell them. */
  asked([name = '', slot = '', ...words]: readonly string[], subject: string): Asked[] {
    const socket = name === 'socket' ? made([slot, ...words]) : name === 'sock' ? made(words) : undefined;
    if (socket !== undefined) return [denied({ ...socket, op: 'create', subject })];
    const known = this.#slots.get(slot);
    return known === undefined ? [] : this.#askedOf(known, { name, words, subject });
  }

  #askedOf({ socket, port }: Slot, { name, words, subject }: { name: string; words: readonly string[]; subject: string }): Asked[] {
    const base = { ...socket, subject };
    const [address, text] = words;
    switch (name) {
      case 'bind':
        // below 1024 a capability decides too
        return Number(text) < 1024 ? [] : [denied({ ...base, op: 'ingress', address, port: Number(text) })];
      case 'connect':
        return address === 'unspec' ? [] : [denied({ ...base, op: 'egress', address, port: Number(text) })];
      case 'listen':
      case 'accept':
        return port === undefined ? [] : [denied({ ...base, op: 'ingress', port })];
      case 'dial':
        return this.#dial(base, words);
      default:
        return [];
    }
  }

  #dial(base: Made & { readonly subject: string }, [from, to, text]: readonly string[]): Asked[] {
    const port = Number(text);
    const asked = [denied({ ...base, op: 'ingress', address: from, port: 0 }), denied({ ...base, op: 'egress', address: to, port })];
    const listener = this.#listeners.get(port);
    if (listener !== undefined) asked.push({ access: { ...listener, op: 'request', address: from, port }, refusal: 'ETIMEDOUT' });
    return asked;
  }

  /** Takes in a step that worked. */
  note([name = '', slot = '', ...words]: readonly string[], subject: string): void {
    if (name === 'sock') {
      const socket = made(words);
      if (socket !== undefined && INTERNET.has(socket.domain)) this.#slots.set(slot, { socket });
      return;
    }
    const known = this.#slots.get(slot);
    if (known === undefined) return;
    const port = Number(words[1]);
    if (name === 'bind' && port > 0) this.#slots.set(slot, { ...known, port });
    if (name === 'listen' && known.port !== undefined) this.#listeners.set(known.port, { ...known.socket, subject });
  }
}
