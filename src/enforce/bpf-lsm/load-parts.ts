// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from 'node:os';
import { BpfObject, kernelHasHook } from '#libbpf';
import type { BpfMap, BpfProgram } from '#libbpf';

export interface Adjustments {
  /** Bytes of the alert ring. */
  readonly alertRingBytes: number;
  /** Inode number of the host's mount name space. */
  readonly hostMountNamespace: number;
}

/** The programs of one compiled object, loaded in parts over the same maps. */
export interface Parts extends Disposable {
  map(name: string): BpfMap;
  /** Ids of all maps. */
  mapIds(): number[];
  /** Those that are loaded. */
  programs(): BpfProgram[];
  program(name: string): BpfProgram;
}

/** Since 6.2; the last since 6.8, and in kernels that it was brought back to. */
const NEWER_HOOKS = ['file_truncate', 'inode_set_acl', 'inode_remove_acl', 'file_ioctl_compat'];
/** Threads of libuv's pool, where the loading runs. */
const PARTS_MAX = 4;
/** Small; what is loaded with the maps. */
const FIRST = 'ka_find_symbols';

/**
 * Loads all programs. The kernel proves each for itself, 20 to 40 ms or, emulated, 300, so they are divided among the processors.
 *
 * @throws {KubeArmorError} `KERNEL_LOAD`; nothing is left behind
 */
export async function loadParts(objectPath: string, adjustments: Adjustments): Promise<Parts> {
  const count = Math.min(availableParallelism(), PARTS_MAX);
  const newer = NEWER_HOOKS.filter((hook) => kernelHasHook(hook)).map((hook) => `ka_${hook}`);
  const objects = [openFirst(objectPath, adjustments)];
  try {
    objects[0]!.load();
    for (let part = 0; part < count; part++) objects.push(openPart(objectPath, objects[0]!, { part, count, newer }));
    const results = await Promise.allSettled(objects.slice(1).map((object) => object.loadApart()));
    results.forEach(({ status }, part) => {
      if (status === 'rejected') objects[part + 1] = loadAgain(objectPath, objects, { part, count, newer });
    });
    return new LoadedParts(objects);
  } catch (error) {
    for (const object of objects) object[Symbol.dispose]();
    throw error;
  }
}

interface Part {
  readonly part: number;
  readonly count: number;
  /** Programs of hooks that not every kernel has. */
  readonly newer: readonly string[];
}

function openFirst(objectPath: string, { alertRingBytes, hostMountNamespace }: Adjustments): BpfObject {
  const object = BpfObject.open(objectPath, { name: 'kubearmor' });
  object.setGlobal('host_mnt_ns', hostMountNamespace);
  object.setMapMaxEntries('alerts', alertRingBytes);
  for (const program of object.programs()) object.setAutoload(program.name, program.name === FIRST);
  return object;
}

function openPart(objectPath: string, first: BpfObject, { part, count, newer }: Part): BpfObject {
  const object = BpfObject.open(objectPath, { name: 'kubearmor' });
  let wanted = 0;
  for (const { name, autoload } of object.programs()) {
    const isWanted = name !== FIRST && (autoload || newer.includes(name));
    object.setAutoload(name, isWanted && wanted++ % count === part);
  }
  object.shareMaps(first);
  return object;
}

/** A part that the kernel did not take, again and with its reasons. */
function loadAgain(objectPath: string, objects: readonly BpfObject[], part: Part): BpfObject {
  const object = openPart(objectPath, objects[0]!, part);
  try {
    object.load();
    objects[part.part + 1]?.[Symbol.dispose]();
    return object;
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

class LoadedParts implements Parts {
  readonly #objects: readonly BpfObject[];

  constructor(objects: readonly BpfObject[]) {
    this.#objects = objects;
  }

  map(name: string): BpfMap {
    return this.#objects[0]!.map(name);
  }

  mapIds(): number[] {
    return this.#objects.flatMap((object) => object.mapIds());
  }

  programs(): BpfProgram[] {
    return this.#objects.flatMap((object) => object.programs().filter((program) => program.autoload));
  }

  program(name: string): BpfProgram {
    const found = this.programs().find((program) => program.name === name);
    if (found === undefined) throw new RangeError(`no program ${name} is loaded`);
    return found;
  }

  [Symbol.dispose](): void {
    for (const object of this.#objects) object[Symbol.dispose]();
  }
}
