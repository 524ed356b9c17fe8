// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { KernelEvent } from '#events';
import { BpfObject, kernelHasHook } from '#libbpf';
import type { BpfLink } from '#libbpf';
import { RingReader, sumPerCpu, watchRing } from '#observe';
import type { RuleInfo } from '#policy';
import type { Counters, Enforcer, EnforcerReport, ProtectOptions } from '../enforcer.ts';
import { decodeEvent } from './decode-event.ts';
import { COUNTER, SCOPE_MODE } from './event-layout.gen.ts';
import { Folds } from './folds.ts';
import { ImageStore, u32 } from './images.ts';
import type { LoadedImage } from './images.ts';

export interface BpfLsmOptions {
  /** The compiled programs. */
  readonly objectPath: string;
  /** Bytes of the alert ring: a power of two, at least a page. */
  readonly alertRingBytes?: number;
  readonly logger: Logger;
}

interface Scope {
  readonly number: number;
  readonly cgroupId: bigint;
  image: LoadedImage | undefined;
}

const SCOPES_MAX = 16384;
const ALERT_RING_BYTES = 4 << 20;
/** How often repetitions are collected. */
const COLLECT_MS = 1000;

/** A scope's word (bpf/lib/scope.h): image id, slot, size class, mode, image flags. */
function wordOf(image: LoadedImage | undefined, mode: number): Buffer {
  const bytes = Buffer.alloc(8);
  const high = image === undefined ? 0 : image.slot | (image.sizeClass << 14) | (image.flags << 20);
  bytes.writeUInt32LE(image?.id ?? 0, 0);
  bytes.writeUInt32LE((high | (mode << 16)) >>> 0, 4);
  return bytes;
}

function modeOf({ mode, visibility }: ProtectOptions): number {
  return (
    (mode === 'audited' ? SCOPE_MODE.AUDITED : 0) |
    (visibility?.process ? SCOPE_MODE.SEE_PROCESS : 0) |
    (visibility?.file ? SCOPE_MODE.SEE_FILE : 0) |
    (visibility?.network ? SCOPE_MODE.SEE_NETWORK : 0)
  );
}

/** Rounds of the iterator that adopts running tasks: a task made meanwhile inherits, so the second finds nothing. */
const ADOPT_ROUNDS_MAX = 10;

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** The enforcer of kernels that take LSM programs. */
export class BpfLsmEnforcer implements Enforcer {
  readonly report: EnforcerReport;
  readonly #object: BpfObject;
  readonly #links: BpfLink[] = [];
  readonly #images: ImageStore;
  readonly #scopes = new Map<string, Scope>();
  readonly #keys = new Map<number, string>();
  readonly #freeScopes: number[] = [];
  readonly #logger: Logger;
  #nextScope = 1;
  #foldsLost = 0n;

  /**
   * Loads and attaches everything.
   *
   * @throws {KubeArmorError} `KERNEL_LOAD`, `KERNEL_CALL`; nothing is left attached
   */
  constructor(options: BpfLsmOptions) {
    this.#logger = options.logger;
    this.#object = BpfObject.open(options.objectPath, { name: 'kubearmor' });
    try {
      this.#object.setGlobal('host_mnt_ns', Number(statSync('/proc/1/ns/mnt', { bigint: true }).ino));
      this.#object.setMapMaxEntries('alerts', options.alertRingBytes ?? ALERT_RING_BYTES);
      if (kernelHasHook('file_truncate')) this.#object.setAutoload('ka_file_truncate', true);
      this.#object.load();
      this.report = { name: 'BPFLSM', missing: this.#attach() };
      this.#images = new ImageStore([0, 1, 2].map((sizeClass) => this.#object.map(`images_${sizeClass}`)));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  protect(key: string, options: ProtectOptions): void {
    const { cgroupId, mode, ruleSet } = options;
    const known = this.#scopes.get(key);
    if (known !== undefined && known.cgroupId !== cgroupId) this.release(key);
    const scope = this.#scopes.get(key) ?? this.#newScope(cgroupId);
    const before = scope.image;
    const image = ruleSet === undefined || mode === 'disabled' ? undefined : this.#images.acquire(ruleSet);
    this.#object.map('scopes').update(u32(scope.number), wordOf(image, modeOf(options)));
    scope.image = image;
    // bound last: the first task that finds the binding finds the rules too
    if (!this.#scopes.has(key)) this.#bind(key, scope);
    if (before !== undefined) this.#images.release(before);
  }

  release(key: string): void {
    const scope = this.#scopes.get(key);
    if (scope === undefined) return;
    this.#object.map('bindings').delete(u64(scope.cgroupId));
    this.#object.map('scopes').update(u32(scope.number), Buffer.alloc(8));
    this.#scopes.delete(key);
    this.#freeScopes.push(scope.number);
    if (scope.image !== undefined) this.#images.release(scope.image);
  }

  workloadOf(scopeId: number): string | undefined {
    return this.#keys.get(scopeId);
  }

  ruleOf(imageId: number, ruleId: number): RuleInfo | undefined {
    return this.#images.rulesOf(imageId)?.[ruleId];
  }

  async watch(onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void> {
    const folds = new Folds(this.#object.map('folds'));
    const collect = (): void => {
      this.#foldsLost += BigInt(folds.collect(process.hrtime.bigint(), onEvent));
    };
    const timer = setInterval(collect, COLLECT_MS);
    try {
      await Promise.all([this.#watchRing('alerts', folds, onEvent, signal), this.#watchRing('logs', folds, onEvent, signal)]);
    } finally {
      clearInterval(timer);
    }
  }

  async #watchRing(name: string, folds: Folds, onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void> {
    const ring = this.#object.map(name);
    using reader = new RingReader(ring.fd, ring.info.maxEntries);
    const onRecord = (buffer: Buffer, offset: number, length: number): void => {
      const decoded = decodeEvent(buffer.subarray(offset, offset + length));
      if (decoded === undefined) return this.#logger.error('a kernel record cannot be read', { ring: name, length });
      folds.note(decoded.fold, decoded.event);
      onEvent(decoded.event);
    };
    await watchRing(reader, onRecord, signal);
  }

  counters(): Counters {
    const map = this.#object.map('counters');
    const names = Object.entries(COUNTER).filter(([name]) => name !== 'COUNT');
    const totals = Object.fromEntries(names.map(([name, index]) => [name.toLowerCase(), sumPerCpu(map, index, 1)[0] ?? 0n]));
    return { ...totals, alerts_lost: (totals['alerts_lost'] ?? 0n) + this.#foldsLost };
  }

  [Symbol.dispose](): void {
    for (const link of this.#links) link[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }

  #attach(): EnforcerReport['missing'] {
    const missing: { hook: string; reason: string }[] = [];
    for (const program of this.#object.programs()) {
      if (!program.autoload || program.section.startsWith('iter/')) continue;
      try {
        this.#links.push(program.attach());
      } catch (error) {
        missing.push({ hook: program.name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    return missing;
  }

  #newScope(cgroupId: bigint): Scope {
    const number = this.#nextScope < SCOPES_MAX ? this.#nextScope++ : this.#freeScopes.shift();
    if (number === undefined) throw new KubeArmorError('LIMIT_EXCEEDED', `binding a workload: all ${SCOPES_MAX - 1} scopes are in use`);
    return { number, cgroupId, image: undefined };
  }

  #bind(key: string, scope: Scope): void {
    this.#object.map('bindings').update(u64(scope.cgroupId), u32(scope.number));
    this.#scopes.set(key, scope);
    this.#keys.set(scope.number, key);
    this.#adoptRunning();
  }

  /** Tasks that ran before their cgroup was bound get its scope. */
  #adoptRunning(): void {
    const adopt = this.#object.program('ka_adopt');
    let rounds = 0;
    while (adopt.runIterator().length > 0 && ++rounds < ADOPT_ROUNDS_MAX);
  }
}
