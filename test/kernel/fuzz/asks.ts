// SPDX-License-Identifier: Apache-2.0
import { CAPABILITIES } from '#policy';
import type { Access, PathAccess } from '#policy';
import { socketMoves } from './asks-sockets.ts';
import type { Sockets } from './asks-sockets.ts';
import type { Program } from './scenario.ts';
import { ownerOf, realPath } from './universe.ts';
import type { RootKind } from './universe.ts';

/** What an alert names: a rule, or the default posture. */
export type Told = 'rule' | 'posture';

/** One access that a step asks the rules about. */
export interface Ask {
  readonly access: Access;
  readonly hook: string;
  /** As an alert shows it, see alerts.ts. */
  readonly object: string;
  /** How the step ends where this is denied. */
  readonly refusal: string;
  /** A second object of one access: where the first raised an alert, this one raises none but for a denial. */
  readonly second?: boolean;
  /** What raised an alert when it was made, under which rules, says the same of each later access only once. */
  readonly socket?: { told: number | undefined; by: Told | undefined };
  /** Effects that stay where a later access of the step is denied. */
  readonly passed?: () => void;
}

/** What a step asks, in this order until one is denied, and what it leads to where none is. */
export interface Move {
  readonly asks: readonly Ask[];
  /** Where nothing is denied: an error that follows from what was done before, or `any`: all but a refusal. `OK` where absent. */
  readonly result?: string;
  /** @param told what the first access raised an alert of */
  readonly done?: (told: Told | undefined) => void;
}

/** What is in slots of stim. */
export interface Held {
  readonly path: string;
  /** The rules that judged it for writing. */
  judged?: number;
}

/** Operations on one path: what they ask, and which of their words it is. */
const PLAIN: Readonly<Record<string, { readonly kind: PathAccess['kind']; readonly hook: string; readonly word: number }>> = {
  truncate: { kind: 'write', hook: 'FILE_TRUNCATE', word: 0 },
  chmod: { kind: 'write', hook: 'FILE_CHMOD', word: 1 },
  chown: { kind: 'write', hook: 'FILE_CHOWN', word: 1 },
  run: { kind: 'exec', hook: 'SECURITY_BPRM_CHECK', word: 0 },
};

/** A process of a scenario, as far as its steps have come: what its next step asks follows from that and from nothing else. */
export class Actor {
  readonly root: RootKind;
  readonly uid: number;
  subject: string | { readonly runtime: true } = { runtime: true };
  /** By their number: which rules are in force. */
  rules: number;
  readonly files = new Map<string, Held>();
  readonly sockets: Sockets = { slots: new Map(), listeners: new Map() };
  /** What processes have made so far, of the whole container. */
  readonly made: Set<string>;

  constructor({ root, program, rules, made }: { root: RootKind; program: Program; rules: number; made: Set<string> }) {
    this.root = root;
    this.uid = program.uid;
    this.rules = rules;
    this.made = made;
  }

  /** It becomes a program. */
  start(path: string): Move {
    return { asks: [this.#on('exec', path, 'SECURITY_BPRM_CHECK')], done: () => this.#become(path) };
  }

  move(text: string): Move {
    const [verb = '', ...words] = text.split(' ');
    const moves = socketMoves(this, verb, words) ?? this.#privileged(verb, words) ?? this.#onFiles(verb, words);
    if (moves === undefined) throw new Error(`nobody knows what \`${text}\` asks`);
    return moves;
  }

  #become(path: string): void {
    this.subject = realPath(path, this.root);
    this.files.clear();
    this.sockets.slots.clear();
    this.sockets.listeners.clear();
  }

  #on(kind: PathAccess['kind'], written: string, hook: string): Ask {
    const path = realPath(written, this.root);
    const owner = (ownerOf(path) ?? ownerOf(written) ?? this.uid) === this.uid;
    return { access: { kind, object: { path }, owner, subject: this.subject }, hook, object: path, refusal: 'EACCES' };
  }

  /** About to be made: its directory's owner counts. */
  #toBeMade(path: string, hook: string): Ask {
    const owner = ownerOf(path.slice(0, path.lastIndexOf('/'))) === this.uid;
    const access = { kind: 'write', object: { path }, owner, subject: this.subject } as const;
    return { access, hook, object: path, refusal: 'EACCES', passed: () => this.made.add(path) };
  }

  capable(capability: number): Ask {
    const access = { kind: 'capability', capability, subject: this.subject } as const;
    return { access, hook: 'CAPABLE', object: CAPABILITIES[capability] ?? '', refusal: 'EPERM' };
  }

  #privileged(verb: string, [path = '']: readonly string[]): Move | undefined {
    if (verb === 'sethostname') return { asks: [this.capable(21)] };
    if (verb === 'chroot') return { asks: [this.capable(18)] };
    if (verb === 'setxattr') return { asks: [this.capable(21), this.#on('write', path, 'FILE_SETXATTR')] };
    return undefined;
  }

  #onFiles(verb: string, words: readonly string[]): Move | undefined {
    const [first = '', second = ''] = words;
    const plain = PLAIN[verb];
    if (plain !== undefined) return { asks: [this.#on(plain.kind, words[plain.word] ?? '', plain.hook)] };
    switch (verb) {
      case 'open':
        return this.#open(first, second);
      case 'list':
        return this.#exists(first) ? { asks: [this.#on('read', first, 'FILE_OPEN')] } : { asks: [], result: 'ENOENT' };
      case 'rename':
        return { asks: [this.#on('rename', first, 'FILE_RENAME'), { ...this.#on('write', second, 'FILE_RENAME'), second: true }] };
      case 'exec':
        return this.start(first);
      case 'hold':
        return this.#hold(words);
      default:
        return this.#onSlot(verb, words) ?? this.#onScratch(verb, first);
    }
  }

  #exists(path: string): boolean {
    return this.made.has(path) || ownerOf(realPath(path, this.root)) !== undefined;
  }

  #open(flags: string, path: string): Move {
    const kind = flags === 'r' ? 'read' : flags === 'rw' ? 'read-write' : 'write';
    const opened = this.#on(kind, path, 'FILE_OPEN');
    if (flags === 'w+creat' && !this.#exists(path)) return { asks: [this.#toBeMade(path, 'FILE_MKNOD'), { ...opened, second: true }] };
    if (!this.#exists(path)) return { asks: [], result: 'ENOENT' };
    return { asks: flags === 'w+trunc' ? [opened, this.#on('write', path, 'FILE_TRUNCATE')] : [opened] };
  }

  #onScratch(verb: string, path: string): Move | undefined {
    const exists = this.#exists(path);
    if (verb === 'mknod' || verb === 'mkdir')
      return exists ? { asks: [], result: 'EEXIST' } : { asks: [this.#toBeMade(path, `FILE_${verb.toUpperCase()}`)] };
    if (verb !== 'unlink' && verb !== 'rmdir') return undefined;
    if (!exists) return { asks: [], result: 'ENOENT' };
    return { asks: [this.#on('write', path, `FILE_${verb.toUpperCase()}`)], done: () => this.made.delete(path) };
  }

  #hold([slot = '', how = '', path = '']: readonly string[]): Move {
    const held: Held = how === 'r' ? { path } : { path, judged: this.rules };
    return { asks: [this.#on(how === 'r' ? 'read' : 'write', path, 'FILE_OPEN')], done: () => this.files.set(slot, held) };
  }

  #onSlot(verb: string, [slot = '', how = '']: readonly string[]): Move | undefined {
    if (verb !== 'mmap' && verb !== 'write') return undefined;
    const held = this.files.get(slot);
    if (held === undefined) return { asks: [], result: 'EBADF' };
    if (verb === 'mmap')
      return { asks: how === 'r' ? [] : [this.#on('map-exec', held.path, 'MMAP_FILE'), this.#on('read', held.path, 'MMAP_FILE')] };
    if (held.judged === this.rules) return { asks: [] };
    return { asks: [this.#on('write', held.path, 'FILE_PERMISSION')], done: () => (held.judged = this.rules) };
  }
}
