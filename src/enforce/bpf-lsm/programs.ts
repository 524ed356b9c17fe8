// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { BpfLink, BpfMap, PinnedProgram } from '#libbpf';
import { KubeArmorError } from '#base';
import type { EnforcerReport } from '../enforcer.ts';
import { loadParts } from './load-parts.ts';
import type { Parts } from './load-parts.ts';
import { OwnIds } from './self-protection.ts';

export interface ProgramsOptions {
  /** The compiled programs. */
  readonly objectPath: string;
  /** Bytes of the alert ring: a power of two, at least a page. */
  readonly alertRingBytes: number;
  /** Directory in a BPF file system, made if missing: what is pinned there outlives the agent. Absent: nothing does. */
  readonly pinDirectory?: string | undefined;
}

/** Programs that are attached, ours or those of the agent before us. */
export interface Programs extends Disposable {
  /** The programs were attached already, by an agent before us: their maps have a state. */
  readonly adopted: boolean;
  readonly missing: EnforcerReport['missing'];
  map(name: string): BpfMap;
  /** Gives running tasks of bound cgroups their scope; gives how many. */
  adoptTasks(): number;
  /** Runs ka_enroll (bpf/self.bpf.h) with its context; 0: done. */
  enroll(context: Buffer): number;
  /** Sees that what is pinned is still there, and pins again what is not. Gives what was missing. */
  checkPins(): readonly LostPin[];
  /** Detaches what other versions left pinned. Until then theirs and ours both refuse. */
  dropOthers(): void;
}

/** A pin that somebody took away. */
export interface LostPin {
  readonly name: string;
  /** Why it could not be pinned again; undefined where it was. */
  readonly problem: string | undefined;
}

const MAPS = [
  'scopes',
  'bindings',
  'tasks',
  'counters',
  'alerts',
  'logs',
  'folds',
  'log_folds',
  'buffers',
  'sockets',
  'judged_files',
  'images_0',
  'images_1',
  'images_2',
  'self_agent',
  'self_own',
  'self_places',
] as const;
/** Pinned last: where it is, everything is. */
const ITERATOR = 'iter_adopt';
const ENROLL = 'prog_enroll';

/** Loads and attaches the programs, or adopts those that are pinned by an agent with the very same object. */
export async function openPrograms(options: ProgramsOptions): Promise<Programs> {
  const { pinDirectory, objectPath } = options;
  if (pinDirectory === undefined) return new LoadedPrograms(await load(options), undefined);
  const version = createHash('sha256').update(readFileSync(objectPath)).digest('hex').slice(0, 16);
  const directory = join(pinDirectory, version);
  if (existsSync(join(directory, ITERATOR))) return new AdoptedPrograms(pinDirectory, directory);
  removePins(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    return new LoadedPrograms(await load(options), { root: pinDirectory, directory });
  } catch (error) {
    removePins(directory);
    throw error;
  }
}

function load({ objectPath, alertRingBytes }: ProgramsOptions): Promise<Parts> {
  const hostMountNamespace = Number(statSync('/proc/1/ns/mnt', { bigint: true }).ino);
  return loadParts(objectPath, { alertRingBytes, hostMountNamespace });
}

/** Removes a directory of pins: what only they held is detached. */
export function removePins(directory: string): void {
  if (!existsSync(directory)) return;
  // links first: a program without its maps' pins still runs, a pin without its link does nothing
  const names = readdirSync(directory).sort((a, b) => Number(b.startsWith('link_')) - Number(a.startsWith('link_')));
  for (const name of names) unlinkSync(join(directory, name));
  rmdirSync(directory);
}

interface Pinnable {
  pin(path: string): void;
}

/** Pins of one directory, with what they pin: what is held here lives on where its pin is taken away. */
class Pins {
  readonly #directory: string;
  readonly #held = new Map<string, Pinnable>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  hold(name: string, what: Pinnable): void {
    this.#held.set(name, what);
  }

  check(): readonly LostPin[] {
    const there = new Set(existsSync(this.#directory) ? readdirSync(this.#directory) : []);
    const lost = [...this.#held].filter(([name]) => !there.has(name));
    return lost.map(([name, what]) => ({ name, problem: this.#pinAgain(name, what) }));
  }

  #pinAgain(name: string, what: Pinnable): string | undefined {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      what.pin(join(this.#directory, name));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

function dropOtherVersions(root: string, directory: string): void {
  for (const name of readdirSync(root)) if (join(root, name) !== directory) removePins(join(root, name));
}

class LoadedPrograms implements Programs {
  readonly adopted = false;
  readonly missing: EnforcerReport['missing'];
  readonly #parts: Parts;
  readonly #links: BpfLink[] = [];
  readonly #place: { readonly root: string; readonly directory: string } | undefined;
  readonly #pins: Pins | undefined;
  readonly #own: OwnIds;

  /** Takes the parts over. */
  constructor(parts: Parts, place: { root: string; directory: string } | undefined) {
    this.#place = place;
    this.#pins = place === undefined ? undefined : new Pins(place.directory);
    this.#parts = parts;
    this.#own = new OwnIds(parts.map('self_own'));
    try {
      parts.program('ka_find_symbols').testRun();
      for (const id of parts.mapIds()) this.#own.addMap(id);
      for (const program of parts.programs()) this.#own.addProgram(program.id);
      this.missing = this.#attach();
      if (place !== undefined) this.#pin();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  map(name: string): BpfMap {
    return this.#parts.map(name);
  }

  adoptTasks(): number {
    return this.#parts.program('ka_adopt').runIterator().length;
  }

  enroll(context: Buffer): number {
    return this.#parts.program('ka_enroll').testRun({ context }).returned;
  }

  checkPins(): readonly LostPin[] {
    return this.#pins?.check() ?? [];
  }

  dropOthers(): void {
    if (this.#place !== undefined) dropOtherVersions(this.#place.root, this.#place.directory);
  }

  [Symbol.dispose](): void {
    for (const link of this.#links) link[Symbol.dispose]();
    this.#parts[Symbol.dispose]();
  }

  #attach(): EnforcerReport['missing'] {
    const missing: { hook: string; reason: string }[] = [];
    for (const program of this.#parts.programs()) {
      if (!program.section.startsWith('lsm/')) continue;
      try {
        const link = program.attach();
        this.#links.push(link);
        this.#own.addLink(link.id);
        this.#keep(`link_${program.name}`, link);
      } catch (error) {
        missing.push({ hook: program.name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    return missing;
  }

  #pin(): void {
    for (const name of MAPS) this.#keep(`map_${name}`, this.#parts.map(name));
    this.#keep(ENROLL, this.#parts.program('ka_enroll'));
    const iterator = this.#parts.program('ka_adopt').attach();
    this.#links.push(iterator);
    this.#own.addLink(iterator.id);
    this.#keep(ITERATOR, iterator);
  }

  #keep(name: string, what: Pinnable): void {
    if (this.#place === undefined) return;
    what.pin(join(this.#place.directory, name));
    this.#pins?.hold(name, what);
  }
}

class AdoptedPrograms implements Programs {
  readonly adopted = true;
  readonly missing: EnforcerReport['missing'] = [];
  readonly #root: string;
  readonly #directory: string;
  readonly #pins: Pins;
  readonly #maps = new Map<string, BpfMap>();
  readonly #held: Disposable[] = [];
  readonly #enroll: PinnedProgram;

  constructor(root: string, directory: string) {
    this.#root = root;
    this.#directory = directory;
    this.#pins = new Pins(directory);
    for (const name of readdirSync(directory))
      if (name.startsWith('link_') || name === ITERATOR) this.#hold(name, (path) => BpfLink.openPinned(path));
    for (const name of MAPS)
      this.#maps.set(
        name,
        this.#hold(`map_${name}`, (path) => BpfMap.openPinned(path)),
      );
    this.#enroll = this.#hold(ENROLL, (path) => PinnedProgram.open(path));
  }

  map(name: string): BpfMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new RangeError(`no map ${name} is pinned`);
    return map;
  }

  /** Reading a pinned iterator runs it. */
  adoptTasks(): number {
    return readFileSync(join(this.#directory, ITERATOR)).length;
  }

  enroll(context: Buffer): number {
    return this.#enroll.testRun({ context }).returned;
  }

  checkPins(): readonly LostPin[] {
    return this.#pins.check();
  }

  dropOthers(): void {
    dropOtherVersions(this.#root, this.#directory);
  }

  [Symbol.dispose](): void {
    for (const held of this.#held) held[Symbol.dispose]();
  }

  #hold<T extends Pinnable & Disposable>(name: string, open: (path: string) => T | undefined): T {
    const path = join(this.#directory, name);
    const held = open(path);
    if (held === undefined) throw new KubeArmorError('KERNEL_CALL', `adopting the programs: nothing is pinned at ${path}`);
    this.#held.push(held);
    this.#pins.hold(name, held);
    return held;
  }
}
