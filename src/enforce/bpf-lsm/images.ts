// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { BpfMap } from '#libbpf';
import { IMAGE_CLASS_WORDS, imageIdWord, ruleSetKey } from '#policy';
import type { RuleInfo, RuleSet } from '#policy';

/** An image in the kernel. */
export interface LoadedImage {
  readonly id: number;
  readonly slot: number;
  readonly sizeClass: number;
  readonly flags: number;
  readonly rules: readonly RuleInfo[];
}

interface Entry extends LoadedImage {
  readonly key: string;
  /** Held, so that it can be put back; undefined where an agent before us loaded it and it could not be opened. */
  readonly inner: BpfMap | undefined;
  users: number;
}

/** An image that the kernel has from an agent before us. */
export interface SavedImage extends LoadedImage {
  readonly key: string;
}

/** How many images that are gone still explain their events. */
const EXPLAINED_MAX = 4096;

/**
 * The images in the kernel: shared by content, each in a slot of its size class's outer map.
 *
 * A slot is freed only after a grace period, so that a program which read the slot's number never finds another image.
 */
export class ImageStore {
  readonly #outers: readonly BpfMap[];
  readonly #byKey = new Map<string, Entry>();
  readonly #rules = new Map<number, readonly RuleInfo[]>();
  readonly #free: number[][] = [[], [], []];
  readonly #next = [0, 0, 0];
  #nextId = 1;

  /** @param outers the outer maps by size class */
  constructor(outers: readonly BpfMap[]) {
    this.#outers = outers;
  }

  /** The image of a rule set, loaded if it is not there yet; one user more. */
  acquire(ruleSet: RuleSet): LoadedImage {
    const key = ruleSetKey(ruleSet);
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      entry = this.#load(key, ruleSet);
      this.#byKey.set(key, entry);
    }
    entry.users++;
    return entry;
  }

  /** One user less; without users the image is unloaded. The caller has made sure that no scope names it any more. */
  release(image: LoadedImage): void {
    const entry = image as Entry;
    if (--entry.users > 0) return;
    this.#byKey.delete(entry.key);
    entry.inner?.[Symbol.dispose]();
    this.waitForReaders(entry.sizeClass);
    this.#outers[entry.sizeClass]!.delete(u32(entry.slot));
    this.#free[entry.sizeClass]!.push(entry.slot);
    while (this.#rules.size > EXPLAINED_MAX) this.#rules.delete(this.#rules.keys().next().value!);
  }

  /**
   * Takes over images that are loaded, those `inUse`; they have no users yet. The others only explain their events: they may be
   * unloaded, and their slots another's. `nextId` is the first id that was never used.
   */
  restore(images: readonly SavedImage[], inUse: ReadonlySet<number>, nextId: number): void {
    this.#nextId = Math.max(this.#nextId, nextId);
    for (const image of images) this.#rules.set(image.id, image.rules);
    const loaded = images.filter(({ id }) => inUse.has(id));
    for (const image of loaded) this.#byKey.set(image.key, { ...image, inner: this.#innerOf(image), users: 0 });
    for (const sizeClass of [0, 1, 2]) {
      const used = new Set(loaded.filter((image) => image.sizeClass === sizeClass).map((image) => image.slot));
      this.#next[sizeClass] = Math.max(-1, ...used) + 1;
      for (let slot = 0; slot < this.#next[sizeClass]!; slot++) if (!used.has(slot)) this.#free[sizeClass]!.push(slot);
    }
  }

  /** Puts back images that are no longer in their slots; gives their ids. */
  check(): number[] {
    return [...this.#byKey.values()].flatMap((entry) => {
      const { sizeClass, slot, inner } = entry;
      if (inner === undefined || this.#outers[sizeClass]!.lookup(u32(slot))?.readUInt32LE() === inner.info.id) return [];
      this.#outers[sizeClass]!.update(u32(slot), u32(inner.fd));
      return [entry.id];
    });
  }

  [Symbol.dispose](): void {
    for (const { inner } of this.#byKey.values()) inner?.[Symbol.dispose]();
  }

  #innerOf({ sizeClass, slot }: LoadedImage): BpfMap | undefined {
    const id = this.#outers[sizeClass]!.lookup(u32(slot))?.readUInt32LE();
    return id === undefined ? undefined : BpfMap.openId(id);
  }

  /** One user more of an image that was restored. */
  reuse(imageId: number): LoadedImage | undefined {
    const entry = [...this.#byKey.values()].find(({ id }) => id === imageId);
    if (entry !== undefined) entry.users++;
    return entry;
  }

  /** What `restore` takes. */
  save(): { images: SavedImage[]; nextImageId: number } {
    const images = [...this.#byKey.values()].map(({ id, slot, sizeClass, flags, key, rules }) => ({
      id,
      slot,
      sizeClass,
      flags,
      key,
      rules,
    }));
    return { images, nextImageId: this.#nextId };
  }

  rulesOf(imageId: number): readonly RuleInfo[] | undefined {
    return this.#rules.get(imageId);
  }

  /** Returns after every program that runs now has ended: an update of an outer map waits for an RCU grace period. */
  waitForReaders(sizeClass: number): void {
    using dummy = createInner(sizeClass);
    const slot = this.#takeSlot(sizeClass);
    this.#outers[sizeClass]!.update(u32(slot), u32(dummy.fd));
    this.#outers[sizeClass]!.delete(u32(slot));
    this.#free[sizeClass]!.push(slot);
  }

  get count(): number {
    return this.#byKey.size;
  }

  /** Bytes of all images that are loaded; each takes all of its size class. */
  get bytes(): number {
    return [...this.#byKey.values()].reduce((sum, { sizeClass }) => sum + IMAGE_CLASS_WORDS[sizeClass]! * 4, 0);
  }

  #takeSlot(sizeClass: number): number {
    const slot = this.#free[sizeClass]!.shift() ?? this.#next[sizeClass]!++;
    if (slot < this.#outers[sizeClass]!.info.maxEntries) return slot;
    throw new KubeArmorError('LIMIT_EXCEEDED', `loading an image: all ${slot} slots of size class ${sizeClass} are in use`);
  }

  #load(key: string, ruleSet: RuleSet): Entry {
    const { sizeClass } = ruleSet;
    const id = this.#nextId++;
    const words = new Uint32Array(IMAGE_CLASS_WORDS[sizeClass]!);
    words.set(ruleSet.image);
    words[imageIdWord] = id;
    const inner = createInner(sizeClass);
    try {
      inner.update(u32(0), new Uint8Array(words.buffer));
      inner.freeze(); // nobody changes an image, not even root through bpf(2)
      const slot = this.#takeSlot(sizeClass);
      this.#outers[sizeClass]!.update(u32(slot), u32(inner.fd));
      this.#rules.set(id, ruleSet.rules);
      return { id, slot, sizeClass, flags: ruleSet.flags, rules: ruleSet.rules, key, inner, users: 0 };
    } catch (error) {
      inner[Symbol.dispose]();
      throw error;
    }
  }
}

function createInner(sizeClass: number): BpfMap {
  return BpfMap.create({ type: 'array', name: 'ka_image', keySize: 4, valueSize: IMAGE_CLASS_WORDS[sizeClass]! * 4, maxEntries: 1 });
}

/** A number as a map's key or value. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
