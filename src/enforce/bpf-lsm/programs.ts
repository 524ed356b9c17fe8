// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { BpfLink, BpfMap } from '#libbpf';
import { KubeArmorError } from '#base';
import type { EnforcerReport } from '../enforcer.ts';
import { openGateBelow, releaseHeldBelow } from './gate.ts';
import { nameAgent } from './host-scope.ts';
import { loadParts } from './load-parts.ts';
import type { Parts } from './load-parts.ts';

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
  /** Bytes of the maps, but for images. */
  readonly mapBytes: number;
  /** Gives running tasks of bound cgroups their scope; gives how many. */
  adoptTasks(): number;
  /** Other versions are pinned too. */
  hasOthers(): boolean;
  /** Nobody waits at the gates of other versions any more: call when ours is kept. */
  openOtherGates(): void;
  /** Detaches what other versions left pinned. Until then theirs and ours both refuse. In steps that each wait for the kernel. */
  dropOthers(): Generator<void>;
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
] as const;
/** Pinned last: where it is, everything is. */
const ITERATOR = 'iter_adopt';

/** Loads and attaches the programs, or adopts those that are pinned by an agent with the very same object. */
export async function openPrograms(options: ProgramsOptions): Promise<Programs> {
  const { pinDirectory, objectPath } = options;
  if (pinDirectory === undefined) return new LoadedPrograms(await load(options), undefined);
  const version = createHash('sha256').update(readFileSync(objectPath)).digest('hex').slice(0, 16);
  const directory = join(pinDirectory, version);
  if (existsSync(join(directory, ITERATOR))) return new AdoptedPrograms({ root: pinDirectory, directory });
  removePins(directory);
  leaveHosts(pinDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    return new LoadedPrograms(await load(options), { root: pinDirectory, directory });
  } catch (error) {
    removePins(directory);
    throw error;
  }
}

/** What another version enforces on the host until it is dropped is not for us. */
function leaveHosts(root: string): void {
  for (const name of existsSync(root) ? readdirSync(root) : []) {
    const iterator = join(root, name, ITERATOR);
    using host = existsSync(iterator) ? BpfMap.openPinned(join(root, name, 'map_host')) : undefined;
    if (host === undefined) continue;
    nameAgent(host, process.pid);
    readFileSync(iterator);
  }
}

function load({ objectPath, alertRingBytes }: ProgramsOptions): Promise<Parts> {
  const hostMountNamespace = Number(statSync('/proc/1/ns/mnt', { bigint: true }).ino);
  return loadParts(objectPath, { alertRingBytes, hostMountNamespace });
}

/** Removes a directory of pins: what only they held is detached when this returns. */
export function removePins(directory: string): void {
  for (const _ of removingPins(directory));
}

/**
 * The same in steps, one program each: detaching waits for the kernel (a grace period, some 20 ms). Links first: a program without its maps'
 * pins still runs, a pin without its link does nothing.
 */
function* removingPins(directory: string): Generator<void> {
  if (!existsSync(directory)) return;
  openGateBelow(directory);
  rmSync(join(directory, ITERATOR), { force: true }); // nobody takes the rest for the whole, should we not come to the end
  const names = readdirSync(directory);
  const links = names.filter((name) => name.startsWith('link_'));
  for (const name of links) {
    detach(join(directory, name));
    yield;
  }
  releaseHeldBelow(directory);
  for (const name of names) if (!links.includes(name)) unlinkSync(join(directory, name));
  rmdirSync(directory);
}

/**
 * The link is held while its pin goes, so that closing it detaches here and now. Left to the pins, the kernel detaches in work queues, all of
 * them at once.
 */
function detach(path: string): void {
  using _link = openLink(path);
  unlinkSync(path);
}

/** Undefined where the pin is no link, or cannot be opened: it goes all the same. */
function openLink(path: string): BpfLink | undefined {
  try {
    return BpfLink.openPinned(path);
  } catch (error) {
    if (error instanceof KubeArmorError) return undefined;
    throw error;
  }
}

interface Pins {
  readonly root: string;
  readonly directory: string;
}

const otherVersions = ({ root, directory }: Pins): string[] =>
  readdirSync(root)
    .map((name) => join(root, name))
    .filter((other) => other !== directory);

function openGates(pins: Pins): void {
  for (const other of otherVersions(pins)) {
    openGateBelow(other);
    releaseHeldBelow(other);
  }
}

function* dropAll(pins: Pins): Generator<void> {
  for (const other of otherVersions(pins)) yield* removingPins(other);
}

const bytesOf = (programs: Programs): number => MAPS.reduce((sum, name) => sum + programs.map(name).memoryBytes, 0);

class LoadedPrograms implements Programs {
  readonly adopted = false;
  readonly missing: EnforcerReport['missing'];
  readonly #parts: Parts;
  readonly #links: BpfLink[] = [];
  readonly #pins: Pins | undefined;

  /** Takes the parts over. */
  constructor(parts: Parts, pins: Pins | undefined) {
    this.#pins = pins;
    this.#parts = parts;
    try {
      parts.program('ka_find_symbols').testRun();
      this.missing = this.#attach();
      if (pins !== undefined) this.#pin(pins.directory);
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

  hasOthers(): boolean {
    return this.#pins !== undefined && otherVersions(this.#pins).length > 0;
  }

  openOtherGates(): void {
    if (this.#pins !== undefined) openGates(this.#pins);
  }

  *dropOthers(): Generator<void> {
    if (this.#pins !== undefined) yield* dropAll(this.#pins);
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
        if (this.#pins !== undefined) link.pin(join(this.#pins.directory, `link_${program.name}`));
      } catch (error) {
        missing.push({ hook: program.name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    return missing;
  }

  #pin(directory: string): void {
    for (const name of MAPS) this.#parts.map(name).pin(join(directory, `map_${name}`));
    const iterator = this.#parts.program('ka_adopt').attach();
    this.#links.push(iterator);
    iterator.pin(join(directory, ITERATOR));
  }
}

class AdoptedPrograms implements Programs {
  readonly adopted = true;
  readonly missing: EnforcerReport['missing'] = [];
  readonly #pins: Pins;
  readonly #maps = new Map<string, BpfMap>();

  constructor(pins: Pins) {
    this.#pins = pins;
  }

  map(name: string): BpfMap {
    const known = this.#maps.get(name);
    if (known !== undefined) return known;
    const path = join(this.#pins.directory, `map_${name}`);
    const map = BpfMap.openPinned(path);
    if (map === undefined) throw new KubeArmorError('KERNEL_CALL', `adopting the programs: nothing is pinned at ${path}`);
    this.#maps.set(name, map);
    return map;
  }

  get mapBytes(): number {
    return bytesOf(this);
  }

  /** Reading a pinned iterator runs it. */
  adoptTasks(): number {
    return readFileSync(join(this.#pins.directory, ITERATOR)).length;
  }

  hasOthers(): boolean {
    return otherVersions(this.#pins).length > 0;
  }

  openOtherGates(): void {
    openGates(this.#pins);
  }

  dropOthers(): Generator<void> {
    return dropAll(this.#pins);
  }

  [Symbol.dispose](): void {
    for (const map of this.#maps.values()) map[Symbol.dispose]();
  }
}
