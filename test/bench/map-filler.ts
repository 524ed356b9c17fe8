// SPDX-License-Identifier: Apache-2.0
import { BpfMap } from '#libbpf';
import { IMAGE_CLASS_WORDS } from '#policy';
import type { RuleSet } from '#policy';

const SLOTS = 1024;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const inner = (sizeClass: number): BpfMap =>
  BpfMap.create({ type: 'array', name: 'bench_image', keySize: 4, valueSize: IMAGE_CLASS_WORDS[sizeClass]! * 4, maxEntries: 1 });

/**
 * Maps of the shapes that the enforcer fills, on a kernel that may refuse the programs: an image is copied into an array of
 * its size class, the array put into a slot (which waits for a grace period), a scope's word written.
 */
export class MapFiller implements Disposable {
  readonly #outers: readonly BpfMap[];
  readonly #scopes: BpfMap;
  #next = 0;

  private constructor(outers: readonly BpfMap[], scopes: BpfMap) {
    this.#outers = outers;
    this.#scopes = scopes;
  }

  /** Undefined where this kernel, or this user, may not make maps. */
  static open(): MapFiller | undefined {
    try {
      const outers = IMAGE_CLASS_WORDS.map((_, sizeClass) => {
        using template = inner(sizeClass);
        return BpfMap.create({
          type: 'array_of_maps',
          name: 'bench_images',
          keySize: 4,
          valueSize: 4,
          maxEntries: SLOTS,
          innerFd: template.fd,
        });
      });
      return new MapFiller(outers, BpfMap.create({ type: 'array', name: 'bench_scopes', keySize: 4, valueSize: 8, maxEntries: SLOTS }));
    } catch {
      return undefined;
    }
  }

  put({ image, sizeClass }: RuleSet): void {
    const words = new Uint32Array(IMAGE_CLASS_WORDS[sizeClass]!);
    words.set(image);
    using map = inner(sizeClass);
    map.update(u32(0), new Uint8Array(words.buffer));
    this.#outers[sizeClass]!.update(u32(this.#next++ % SLOTS), u32(map.fd));
    this.#scopes.update(u32(1), Buffer.alloc(8, 1));
  }

  [Symbol.dispose](): void {
    for (const map of [...this.#outers, this.#scopes]) map[Symbol.dispose]();
  }
}
