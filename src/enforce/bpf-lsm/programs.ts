// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BpfLink, BpfMap, PinnedProgram } from '#libbpf';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { EnforcerReport } from '../enforcer.ts';
import { loadParts } from './load-parts.ts';
import type { Parts } from './load-parts.ts';
import { ADOPT, ENROLL, HeldPins, isWhole, leaveHosts, OtherVersions, pinnedLinkIds, removePins } from './pins.ts';
import type { LostPin, PinPlace } from './pins.ts';
import { linkIds, OwnIds } from './self-protection.ts';
import { isTorn, setAside } from './torn.ts';
import type { PinnedLinks } from './torn.ts';

export interface ProgramsOptions {
  /** The compiled programs. */
  readonly objectPath: string;
  /** Bytes of the alert ring: a power of two, at least a page. */
  readonly alertRingBytes: number;
  /** Directory in a BPF file system, made if missing: what is pinned there outlives the agent. Absent: nothing does. */
  readonly pinDirectory?: string | undefined;
  readonly logger: Logger;
}

/** Programs that are attached, ours or those of the agent before us. */
export interface Programs extends Disposable {
  /** The programs were attached already, by an agent before us: their maps have a state. */
  readonly adopted: boolean;
  readonly missing: EnforcerReport['missing'];
  /** What is pinned beside ours; until it is dropped it refuses too. */
  readonly others: OtherVersions;
  map(name: string): BpfMap;
  /** Bytes of the maps, but for images. */
  readonly mapBytes: number;
  /** Gives running tasks of bound cgroups their scope; gives how many. Only for who has enrolled itself as the agent. */
  adoptTasks(): number;
  /** Runs ka_enroll (bpf/self.bpf.h) with its context; 0: done. */
  enroll(context: Buffer): number;
  /** Sees that what is pinned is still there, and pins again what is not. Gives what was missing. */
  checkPins(): readonly LostPin[];
}

const MAPS = [
  'scopes',
  'bindings',
  'host',
  'launchers',
  'tasks',
  'counters',
  'alerts',
  'logs',
  'folds',
  'log_folds',
  'buffers',
  'sockets',
  'judged_files',
  'gate',
  'held',
  'holds',
  'settled',
  'images_0',
  'images_1',
  'images_2',
  'self_agent',
  'self_own',
  'self_places',
] as const;

/** Loads and attaches the programs, or adopts those that are pinned by an agent with the very same object. */
export async function openPrograms(options: ProgramsOptions): Promise<Programs> {
  const { pinDirectory, objectPath, logger } = options;
  if (pinDirectory === undefined) return new LoadedPrograms(await load(options), undefined);
  const version = createHash('sha256').update(readFileSync(objectPath)).digest('hex').slice(0, 16);
  const directory = join(pinDirectory, version);
  const whole = isWhole(directory);
  const torn = whole && isTorn(linksIn(directory));
  if (whole && !torn) return new AdoptedPrograms({ root: pinDirectory, directory });
  if (!torn) removePins(directory);
  leaveHosts(pinDirectory);
  if (torn) {
    logger.error('a program of the agent before this one was detached: all are attached anew, and the rest of the old ones goes then');
    setAside(directory); // once we are its agent: nobody else may move it
  }
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

function linksIn(directory: string): PinnedLinks {
  using own = BpfMap.openPinned(join(directory, 'map_self_own'));
  return { made: own === undefined ? [] : linkIds(own), pinned: pinnedLinkIds(directory) };
}

const bytesOf = (programs: Programs): number => MAPS.reduce((sum, name) => sum + programs.map(name).memoryBytes, 0);

class LoadedPrograms implements Programs {
  readonly adopted = false;
  readonly missing: EnforcerReport['missing'];
  readonly #parts: Parts;
  readonly #links: BpfLink[] = [];
  readonly others: OtherVersions;
  readonly #pins: HeldPins | undefined;
  readonly #own: OwnIds;

  /** Takes the parts over. */
  constructor(parts: Parts, place: PinPlace | undefined) {
    this.others = new OtherVersions(place);
    this.#pins = place === undefined ? undefined : new HeldPins(place.directory);
    this.#parts = parts;
    this.#own = new OwnIds(parts.map('self_own'));
    try {
      parts.program('ka_find_symbols').testRun();
      for (const id of parts.mapIds()) this.#own.addMap(id);
      for (const program of parts.programs()) this.#own.addProgram(program.id);
      this.missing = this.#attach();
      if (this.#pins !== undefined) this.#pin(this.#pins);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  map(name: string): BpfMap {
    return this.#parts.map(name);
  }

  get mapBytes(): number {
    return bytesOf(this);
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
        this.#pins?.keep(`link_${program.name}`, link);
      } catch (error) {
        missing.push({ hook: program.name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    return missing;
  }

  #pin(pins: HeldPins): void {
    for (const name of MAPS) pins.keep(`map_${name}`, this.#parts.map(name));
    pins.keep(ENROLL, this.#parts.program('ka_enroll'));
    pins.keep(ADOPT, this.#parts.program('ka_adopt'));
  }
}

class AdoptedPrograms implements Programs {
  readonly adopted = true;
  readonly missing: EnforcerReport['missing'] = [];
  readonly others: OtherVersions;
  readonly #pins: HeldPins;
  readonly #maps = new Map<string, BpfMap>();
  readonly #held: Disposable[] = [];
  readonly #enroll: PinnedProgram;
  readonly #adopt: PinnedProgram;

  constructor(place: PinPlace) {
    const { directory } = place;
    this.others = new OtherVersions(place);
    this.#pins = new HeldPins(directory);
    for (const name of readdirSync(directory)) if (name.startsWith('link_')) this.#hold(name, (path) => BpfLink.openPinned(path));
    for (const name of MAPS)
      this.#maps.set(
        name,
        this.#hold(`map_${name}`, (path) => BpfMap.openPinned(path)),
      );
    this.#enroll = this.#hold(ENROLL, (path) => PinnedProgram.open(path));
    this.#adopt = this.#hold(ADOPT, (path) => PinnedProgram.open(path));
  }

  map(name: string): BpfMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new RangeError(`no map ${name} is pinned`);
    return map;
  }

  get mapBytes(): number {
    return bytesOf(this);
  }

  adoptTasks(): number {
    return this.#adopt.runIterator().length;
  }

  enroll(context: Buffer): number {
    return this.#enroll.testRun({ context }).returned;
  }

  checkPins(): readonly LostPin[] {
    return this.#pins.check();
  }

  [Symbol.dispose](): void {
    for (const held of this.#held) held[Symbol.dispose]();
  }

  #hold<T extends { pin(path: string): void } & Disposable>(name: string, open: (path: string) => T | undefined): T {
    const path = this.#pins.pathOf(name);
    const held = open(path);
    if (held === undefined) throw new KubeArmorError('KERNEL_CALL', `adopting the programs: nothing is pinned at ${path}`);
    this.#held.push(held);
    this.#pins.hold(name, held);
    return held;
  }
}
