// SPDX-License-Identifier: Apache-2.0
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { KernelEvent } from '#events';
import { RingReader, sumPerCpu, watchRing } from '#observe';
import type { RuleInfo } from '#policy';
import type { Counters, Enforcer, EnforcerReport, ProtectOptions, Tampering, Usage } from '../enforcer.ts';
import { EventDecoder } from './decode-event.ts';
import { COUNTER } from './event-layout.gen.ts';
import { Folds } from './folds.ts';
import { BpfLsmGate } from './gate.ts';
import { describeHost, HOST_CGROUP_ID, HOST_SCOPE } from './host-scope.ts';
import type { MoreLaunchers } from './host-scope.ts';
import { ImageStore, u32, u64 } from './images.ts';
import type { LoadedImage, SavedImage } from './images.ts';
import { openPrograms } from './programs.ts';
import type { Programs } from './programs.ts';
import { checkIntegrity } from './integrity.ts';
import { loadState, saveState, STATE_FILE } from './saved-state.ts';
import { bindingOf, modeOf, NOT_STARTED, wordOf } from './scope-word.ts';
import { SelfProtection } from './self-protection.ts';
import { STREAMS } from './streams.ts';
import type { Stream } from './streams.ts';

export interface BpfLsmOptions {
  /** The compiled programs. */
  readonly objectPath: string;
  /** Bytes of the alert ring: a power of two, at least a page. */
  readonly alertRingBytes?: number;
  /**
   * Rules outlive the agent: programs and maps are pinned under `pinDirectory` (in a BPF file system), what their numbers
   * mean is kept under `stateDirectory`. Absent: everything ends with the agent.
   */
  readonly survive?: { readonly pinDirectory: string; readonly stateDirectory: string } | undefined;
  /** Programs that set up name spaces for others, beside those that are known: the host's rules are not theirs meanwhile. */
  readonly launchers?: MoreLaunchers | undefined;
  readonly logger: Logger;
}

interface Scope {
  readonly number: number;
  readonly cgroupId: bigint;
  started: boolean;
  image: LoadedImage | undefined;
  /** As it was written. */
  word: Buffer;
}

/** A cgroup that is bound in the kernel, and the image that its scope names. */
interface Bound {
  readonly number: number;
  readonly cgroupId: bigint;
  readonly started: boolean;
  readonly image: SavedImage | undefined;
  readonly word: Buffer;
}

/** The last number: the agent and containers that nobody has bound (bpf/lib/scope.h). */
const OUTSIDE_SCOPE = 16384 - 1;
/** Takes in some 40,000 alerts while the agent is busy otherwise. */
const ALERT_RING_BYTES = 8 << 20;
/** How often repetitions are collected. */
const COLLECT_MS = 1000;
/** Between the steps of it. */
const COLLECT_STEP_MS = 20;
/** Where the ids of images in use are not known. */
const FIRST_ID_AFTER_LOSS = 1 << 30;
/** More images than are loaded between two saves. */
const UNSAVED_IDS = 4096;
const SAVE_MS = 50;
const NOTHING_SAVED = { images: [], scopes: [], missing: [], nextImageId: FIRST_ID_AFTER_LOSS };

/** Rounds of the iterator that adopts running tasks: a task made meanwhile inherits, so the second finds nothing. */
const ADOPT_ROUNDS_MAX = 10;
/** Others are dropped when no task without a scope was found for so long: one that is just being forked is in no list yet. */
const DROP_MS = 1_000;
/** And again so long after the last binding. */
const ADOPT_AGAIN_MS = [1_000, 10_000];

/** The enforcer of kernels that take LSM programs. */
export class BpfLsmEnforcer implements Enforcer {
  report: EnforcerReport;
  /** By the page tables of x86-64. @source bpf/lib/argv.h */
  readonly tellsApplets = process.arch === 'x64';
  readonly gate: BpfLsmGate;
  readonly #programs: Programs;
  readonly #images: ImageStore;
  readonly #self: SelfProtection;
  readonly #scopes = new Map<string, Scope>();
  readonly #keys = new Map<number, string>();
  readonly #freeScopes: number[] = [];
  readonly #survive: BpfLsmOptions['survive'];
  readonly #logger: Logger;
  readonly #launchers: MoreLaunchers | undefined;
  #nextScope = 1;
  #saving: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout[] = [];
  #dropping: NodeJS.Timeout | undefined;

  /**
   * Loads and attaches everything, or takes over what an agent before us left in force.
   *
   * @throws {KubeArmorError} `KERNEL_LOAD`, `KERNEL_CALL`; nothing is left attached
   */
  static async open(options: BpfLsmOptions): Promise<BpfLsmEnforcer> {
    const { objectPath, alertRingBytes = ALERT_RING_BYTES, survive, logger } = options;
    const programs = await openPrograms({ objectPath, alertRingBytes, pinDirectory: survive?.pinDirectory, logger });
    return new BpfLsmEnforcer(programs, options);
  }

  private constructor(programs: Programs, options: BpfLsmOptions) {
    this.#logger = options.logger;
    this.#survive = options.survive;
    this.#launchers = options.launchers;
    const { alertRingBytes = ALERT_RING_BYTES } = options;
    this.#programs = programs;
    this.gate = new BpfLsmGate(programs);
    this.report = { name: 'BPFLSM', missing: this.#programs.missing };
    this.#self = new SelfProtection(programs);
    this.#self.claim();
    this.#images = new ImageStore([0, 1, 2].map((sizeClass) => this.#programs.map(`images_${sizeClass}`)));
    if (this.#programs.adopted) this.#adopt(alertRingBytes);
    // what is kept there is about programs that are gone: an agent after us must not take it for ours
    else if (options.survive !== undefined) rmSync(join(options.survive.stateDirectory, STATE_FILE), { force: true });
  }

  protect(key: string, options: ProtectOptions): void {
    const { cgroupId, mode, ruleSet, started = true } = options;
    const known = this.#scopes.get(key);
    if (known !== undefined && known.cgroupId !== cgroupId) this.release(key);
    if (cgroupId === HOST_CGROUP_ID) this.#describeHost();
    const scope = this.#scopes.get(key) ?? this.#newScope(cgroupId);
    const before = scope.image;
    const image = ruleSet === undefined || mode === 'disabled' ? undefined : this.#images.acquire(ruleSet);
    const word = wordOf(image, modeOf(options));
    this.#programs.map('scopes').update(u32(scope.number), word);
    scope.image = image;
    scope.word = word;
    // bound last: the first task that finds the binding finds the rules too
    if (!this.#scopes.has(key) || scope.started !== started) this.#bind(key, scope, started);
    if (before !== undefined) this.#images.release(before);
    if (options.isTransient !== true) this.#save();
  }

  release(key: string): void {
    const scope = this.#scopes.get(key);
    if (scope === undefined) return;
    this.#programs.map('bindings').delete(u64(scope.cgroupId));
    this.#programs.map('scopes').update(u32(scope.number), Buffer.alloc(8));
    this.#scopes.delete(key);
    if (scope.number !== HOST_SCOPE) this.#freeScopes.push(scope.number);
    if (scope.image !== undefined) this.#images.release(scope.image);
    this.#save();
  }

  keys(): readonly string[] {
    return [...this.#scopes.keys()];
  }

  dropOthers(): void {
    if (!this.#programs.others.exist) return;
    const round = (): void => {
      if (this.#adoptRunning() > 0) this.#dropping = setTimeout(round, DROP_MS).unref();
      else this.#drop(this.#programs.others.drop());
    };
    clearTimeout(this.#dropping);
    this.#dropping = setTimeout(round, DROP_MS).unref();
  }

  #drop(steps: Generator<void>): void {
    try {
      if (steps.next().done !== true) this.#dropping = setTimeout(() => this.#drop(steps)).unref();
    } catch (error) {
      this.#logger.error('another version of the programs cannot be removed: both refuse', { reason: String(error) });
    }
  }

  workloadOf(scopeId: number): string | undefined {
    return this.#keys.get(scopeId);
  }

  ruleOf(imageId: number, ruleId: number): RuleInfo | undefined {
    return this.#images.rulesOf(imageId)?.[ruleId];
  }

  async watch(onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void> {
    await Promise.all(STREAMS.map((stream) => this.#watchStream(stream, onEvent, signal)));
  }

  async #watchStream(stream: Stream, onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void> {
    const folds = new Folds(this.#programs.map(stream.folds));
    const collect = (): void => {
      this.#countLost(stream.repeatsLost, folds.collect(process.hrtime.bigint(), onEvent));
      timer = setTimeout(collect, folds.isWalking ? COLLECT_STEP_MS : COLLECT_MS);
    };
    let timer = setTimeout(collect, COLLECT_MS);
    try {
      await this.#watchRing(stream, folds, onEvent, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #watchRing(stream: Stream, folds: Folds, onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void> {
    const ring = this.#programs.map(stream.ring);
    using reader = new RingReader(ring.fd, ring.info.maxEntries);
    const decoder = new EventDecoder();
    const onRecord = (buffer: Buffer, offset: number, length: number): void => {
      const decoded = decoder.decode(buffer, offset, length);
      if (decoded === undefined) {
        this.#countLost(stream.repeatsLost, 1);
        return this.#logger.error('a kernel record cannot be read', { ring: stream.ring, length });
      }
      folds.note(decoded.fold, decoded.event);
      onEvent(decoded.event);
    };
    await watchRing(reader, onRecord, signal, { batch: stream.batch });
  }

  counters(): Counters {
    const map = this.#programs.map('counters');
    const names = Object.entries(COUNTER).filter(([name]) => name !== 'COUNT');
    const totals = Object.fromEntries(names.map(([name, index]) => [name.toLowerCase(), sumPerCpu(map, index, 1)[0] ?? 0n]));
    const sum = (...parts: readonly string[]): bigint => parts.reduce((total, name) => total + (totals[name] ?? 0n), 0n);
    return { ...totals, alerts_lost: sum('alerts_lost', 'repeats_lost'), logs_lost: sum('logs_lost', 'log_repeats_lost') };
  }

  usage(): Usage {
    return { images: this.#images.count, mapBytes: this.#programs.mapBytes + this.#images.bytes };
  }

  guard(paths: readonly string[]): void {
    this.#self.guard([...paths, ...(this.#survive === undefined ? [] : [this.#survive.pinDirectory, this.#survive.stateDirectory])]);
  }

  checkIntegrity(): readonly Tampering[] {
    const written = [...this.#scopes].map(([key, scope]) => ({ key, ...scope, imageId: scope.image?.id, binding: bindingOf(scope) }));
    return [...this.#self.check(), ...checkIntegrity(this.#programs, this.#images, written)];
  }

  /** Kept in the kernel's map, so that the sum of losses only grows, whichever agent reads it. */
  #countLost(counter: number, more: number): void {
    if (more === 0) return;
    const map = this.#programs.map('counters');
    const [total = 0n] = sumPerCpu(map, counter, 1);
    const cells = Buffer.alloc(map.cellBytes);
    cells.writeBigUInt64LE(total + BigInt(more));
    map.update(u32(counter), cells);
  }

  /** What is pinned stays in force. */
  [Symbol.dispose](): void {
    this.#saveNow();
    this.#forgetLater();
    clearTimeout(this.#dropping);
    this.#images[Symbol.dispose]();
    this.#programs[Symbol.dispose]();
  }

  #adopt(alertRingBytes: number): void {
    const { maxEntries } = this.#programs.map('alerts').info;
    if (maxEntries !== alertRingBytes)
      this.#logger.warn(
        `the ring of alerts keeps its ${maxEntries} bytes, not ${alertRingBytes}, until enforcement is ended and begun anew`,
      );
    this.#restore();
  }

  /** What is bound and which images are in use comes from the kernel itself, names for them from the saved state. */
  #restore(): void {
    const saved = this.#survive === undefined ? undefined : loadState(join(this.#survive.stateDirectory, STATE_FILE));
    if (saved === undefined)
      this.#logger.warn('the state of the agent before this one cannot be read: its rules stay in force until they are replaced');
    const { images, scopes, missing, nextImageId } = saved ?? NOTHING_SAVED;
    this.report = { ...this.report, missing };
    const bound = this.#readBindings();
    this.#restoreImages(bound, images, nextImageId);
    const names = new Map(scopes.map((scope) => [scope.cgroupId, scope.key]));
    for (const { number, cgroupId, started, image, word } of bound) {
      const key = names.get(String(cgroupId)) ?? `cgroup:${cgroupId}`;
      this.#scopes.set(key, { number, cgroupId, started, word, image: image === undefined ? undefined : this.#images.reuse(image.id) });
      this.#keys.set(number, key);
      this.#nextScope = Math.max(this.#nextScope, number + 1);
    }
    if (!bound.some(({ cgroupId }) => cgroupId === HOST_CGROUP_ID)) return;
    // before all else: until then the host's rules are ours too
    this.#describeHost();
    this.#adoptRunning();
  }

  #describeHost(): void {
    describeHost({ host: this.#programs.map('host'), launchers: this.#programs.map('launchers') }, process.pid, this.#launchers);
  }

  #restoreImages(bound: readonly Bound[], saved: readonly SavedImage[], nextImageId: number): void {
    const known = new Map(saved.map((image) => [image.id, image]));
    const inUse = new Set<number>();
    for (const { image } of bound) {
      if (image === undefined) continue;
      inUse.add(image.id);
      if (!known.has(image.id)) known.set(image.id, image);
    }
    this.#images.restore([...known.values()], inUse, Math.max(nextImageId, ...known.keys()) + UNSAVED_IDS);
  }

  #readBindings(): Bound[] {
    const bindings = this.#programs.map('bindings');
    const scopes = this.#programs.map('scopes');
    return bindings.keys().flatMap((cgroup) => {
      const binding = bindings.lookup(cgroup)?.readUInt32LE();
      if (binding === undefined) return [];
      const started = binding < NOT_STARTED;
      const number = started ? binding : binding - NOT_STARTED;
      const word = scopes.lookup(u32(number));
      if (word === undefined) return [];
      const id = word.readUInt32LE(0);
      const high = word.readUInt32LE(4);
      const image = { id, slot: high & 0x3fff, sizeClass: (high >>> 14) & 3, flags: (high >>> 20) & 0xfff, key: `lost:${id}`, rules: [] };
      return [{ number, cgroupId: cgroup.readBigUInt64LE(), started, word, image: id === 0 ? undefined : image }];
    });
  }

  /** Saves soon: what is not saved when we are killed is read from the kernel, without the names of its rules. */
  #save(): void {
    if (this.#survive === undefined || this.#saving !== undefined) return;
    this.#saving = setTimeout(() => this.#saveNow(), SAVE_MS).unref();
  }

  #saveNow(): void {
    clearTimeout(this.#saving);
    if (this.#survive === undefined || this.#saving === undefined) return;
    this.#saving = undefined;
    const scopes = [...this.#scopes].map(([key, { number, cgroupId, image }]) => ({
      number,
      key,
      cgroupId: String(cgroupId),
      imageId: image?.id,
    }));
    try {
      saveState(join(this.#survive.stateDirectory, STATE_FILE), {
        schemaVersion: 1,
        missing: this.report.missing,
        ...this.#images.save(),
        scopes,
      });
    } catch (error) {
      this.#logger.warn('the state cannot be saved: after a restart events may lack the names of rules', { reason: String(error) });
    }
  }

  #newScope(cgroupId: bigint): Scope {
    const known = [...this.#scopes].find(([, scope]) => scope.cgroupId === cgroupId);
    if (known !== undefined) {
      this.#scopes.delete(known[0]);
      return known[1];
    }
    if (cgroupId === HOST_CGROUP_ID) return { number: HOST_SCOPE, cgroupId, started: true, image: undefined, word: Buffer.alloc(8) };
    const number = this.#nextScope < OUTSIDE_SCOPE ? this.#nextScope++ : this.#freeScopes.shift();
    if (number === undefined) throw new KubeArmorError('LIMIT_EXCEEDED', `binding a workload: all ${OUTSIDE_SCOPE - 1} scopes are in use`);
    return { number, cgroupId, started: true, image: undefined, word: Buffer.alloc(8) };
  }

  #bind(key: string, scope: Scope, started: boolean): void {
    scope.started = started;
    this.#programs.map('bindings').update(u64(scope.cgroupId), u32(bindingOf(scope)));
    this.#scopes.set(key, scope);
    this.#keys.set(scope.number, key);
    if (!started) return; // what is there is the runtime's
    this.#adoptRunning();
    // a fork that was under way has its task in no list yet, and a throttled group can make that last
    this.#forgetLater();
    this.#later = ADOPT_AGAIN_MS.map((ms) => setTimeout(() => this.#adoptRunning(), ms).unref());
  }

  #forgetLater(): void {
    for (const timer of this.#later) clearTimeout(timer);
    this.#later = [];
  }

  /** Tasks that ran before their cgroup was bound get its scope. @returns how many */
  #adoptRunning(): number {
    let sum = 0;
    for (let round = 0; round < ADOPT_ROUNDS_MAX; round++) {
      const count = this.#programs.adoptTasks();
      if (count === 0) break;
      sum += count;
    }
    return sum;
  }
}
