// SPDX-License-Identifier: Apache-2.0
import { readBtf } from './btf.ts';
import { check } from './errno.ts';
import { addressOf, lastErrno, libbpf, type Pointer, viewOf } from './ffi.ts';
import { loadError } from './load-error.ts';
import { BpfMap } from './map.ts';
import { idOf } from './pinned.ts';
import { captureLog } from './print-log.ts';
import { BpfProgram } from './program.ts';

export interface OpenOptions {
  /** Names the object in errors and its internal maps (`name.rodata`); a path's base name if absent. */
  readonly name?: string;
  /** Directory of the maps that are declared with LIBBPF_PIN_BY_NAME: found there they are reused, else pinned there. */
  readonly pinRoot?: string;
}

/** struct bpf_object_open_opts (bpf/libbpf.h), up to the field that we set last. */
const OPEN_OPTS = { size: 40, objectName: 8, pinRootPath: 24 } as const;

/** The options and the strings that they point to in one buffer, which the call itself keeps alive. */
function openOpts(name: string, pinRoot: string | undefined): Buffer {
  const nameAt = OPEN_OPTS.size;
  const rootAt = nameAt + Buffer.byteLength(name) + 1;
  const opts = Buffer.concat([Buffer.alloc(OPEN_OPTS.size), Buffer.from(`${name}\0${pinRoot ?? ''}\0`)]);
  const base = addressOf(opts);
  opts.writeBigUInt64LE(BigInt(OPEN_OPTS.size));
  opts.writeBigUInt64LE(base + BigInt(nameAt), OPEN_OPTS.objectName);
  if (pinRoot !== undefined) opts.writeBigUInt64LE(base + BigInt(rootAt), OPEN_OPTS.pinRootPath);
  return opts;
}

function openHandle(source: string | Uint8Array, options: OpenOptions): { object: Pointer; name: string } {
  const name = options.name ?? (typeof source === 'string' ? source.replace(/^.*\//, '').replace(/\..*$/, '') : 'object');
  const opts = openOpts(name, options.pinRoot);
  const calls = libbpf();
  const { result, log } = captureLog(() => {
    const object =
      typeof source === 'string' ? calls.bpf_object__open_file(source, opts) : calls.bpf_object__open_mem(source, source.length, opts);
    return { object, errno: lastErrno() };
  });
  const doing = `opening BPF object ${typeof source === 'string' ? source : name}`;
  if (result.object === null) throw loadError(doing, result.errno, log);
  return { object: result.object, name };
}

/**
 * A compiled BPF object: opened, adjusted, loaded.
 *
 * Maps and programs that it hands out belong to it. Disposing closes them; what is pinned, attached by a link that is alive, or
 * held by the kernel otherwise lives on.
 */
export class BpfObject implements Disposable {
  readonly name: string;
  readonly #object: Pointer;
  readonly #maps = new Map<string, BpfMap>();
  #state: 'opened' | 'loaded' | 'closed' = 'opened';

  private constructor(handle: { object: Pointer; name: string }) {
    this.name = handle.name;
    this.#object = handle.object;
  }

  /**
   * Reads an object; the kernel does not see it yet.
   *
   * @param source a path, or the file's bytes
   * @throws {KubeArmorError} `KERNEL_LOAD` when it cannot be read or is not a BPF object; libbpf's words are in the cause
   */
  static open(source: string | Uint8Array, options: OpenOptions = {}): BpfObject {
    return new BpfObject(openHandle(source, options));
  }

  /**
   * Sets the initial value of a global variable (`const volatile` in .rodata, .data, .bss). Before `load`.
   *
   * @param value exactly the variable's bytes; a number is written little-endian in the variable's size
   * @throws {RangeError} when there is no such variable, or the value does not fit: the object and its loader disagree
   */
  setGlobal(name: string, value: number | bigint | boolean | Uint8Array): void {
    const object = this.#require('opened');
    const { section, offset, size } = this.#findGlobal(name);
    const map = libbpf().bpf_object__find_map_by_name(object, section);
    const sizeOut = Buffer.alloc(8);
    const start = map === null ? null : libbpf().bpf_map__initial_value(map, sizeOut);
    const total = Number(sizeOut.readBigUInt64LE());
    if (start === null || offset + size > total) throw new RangeError(`object ${this.name}: section ${section} has no initial value`);
    const bytes = typeof value === 'object' ? value : littleEndian(BigInt(value), size);
    if (bytes.length !== size) throw new RangeError(`object ${this.name}: global ${name} has ${size} bytes, got ${bytes.length}`);
    new Uint8Array(viewOf(start, total)).set(bytes, offset);
  }

  /** Overrides a map's size. Before `load`. */
  setMapMaxEntries(name: string, maxEntries: number): void {
    check(libbpf().bpf_map__set_max_entries(this.#findMap(name), maxEntries), `setting max_entries of map ${name}`);
  }

  /** Whether `load` loads a program. Before `load`. */
  setAutoload(name: string, autoload: boolean): void {
    this.#require('opened');
    check(libbpf().bpf_program__set_autoload(this.#findProgram(name), autoload), `setting autoload of program ${name}`);
  }

  /** Uses an existing map in place of the declared one; the descriptor is duplicated. Before `load`. */
  reuseMap(name: string, fd: number): void {
    check(libbpf().bpf_map__reuse_fd(this.#findMap(name), fd), `reusing a map as ${name}`);
  }

  /** Sets the template of a map of maps that declares none; the descriptor must stay open until `load`. Before `load`. */
  setInnerMap(name: string, fd: number): void {
    check(libbpf().bpf_map__set_inner_map_fd(this.#findMap(name), fd), `setting the inner map of ${name}`);
  }

  /**
   * Makes the maps and loads the programs that are set to.
   *
   * @throws {KubeArmorError} `KERNEL_LOAD`: the message names the program, errno and the verifier's last word, the cause has the
   *   last 40 lines of its log. The object can then only be disposed
   */
  load(): void {
    const object = this.#require('opened');
    const { result, log } = captureLog(() => libbpf().bpf_object__load(object));
    if (result < 0) throw loadError(`loading BPF object ${this.name}`, -result, log);
    this.#state = 'loaded';
  }

  /**
   * As `load`, on a thread of its own: the kernel proves the programs of several objects at the same time. Until it is done no
   * other call may go to libbpf but this one for other objects.
   *
   * @throws {KubeArmorError} `KERNEL_LOAD` with the errno only: what libbpf says has one reader in the process
   */
  async loadApart(): Promise<void> {
    const object = this.#require('opened');
    const result = await new Promise<number>((resolve, reject) => {
      libbpf().bpf_object__load.async(object, (error, value) => (error === null ? resolve(value) : reject(error)));
    });
    if (result < 0) throw loadError(`loading BPF object ${this.name}`, -result, '');
    this.#state = 'loaded';
  }

  /** Uses the maps of a loaded object that has them all, global variables too, in place of its own. Before `load`. */
  shareMaps(other: BpfObject): void {
    const object = this.#require('opened');
    const calls = libbpf();
    for (let map = calls.bpf_object__next_map(object, null); map !== null; map = calls.bpf_object__next_map(object, map)) {
      const name = calls.bpf_map__name(map).replace(/^[^.]*\./, '.'); // of global variables: after the object
      check(calls.bpf_map__reuse_fd(map, other.map(name).fd), `reusing map ${name}`);
    }
  }

  /** A map of the loaded object by its C name, or `.rodata`, `.data`, `.bss`. */
  map(name: string): BpfMap {
    const known = this.#maps.get(name);
    if (known !== undefined) return known;
    const handle = libbpf().bpf_object__find_map_by_name(this.#require('loaded'), name);
    if (handle === null) throw new RangeError(`object ${this.name} has no map ${name}`);
    const map = new BpfMap(libbpf().bpf_map__fd(handle), false, name);
    this.#maps.set(name, map);
    return map;
  }

  /** The ids of all its maps, those of global variables too. */
  mapIds(): number[] {
    const object = this.#require('loaded');
    const ids: number[] = [];
    for (let map = libbpf().bpf_object__next_map(object, null); map !== null; map = libbpf().bpf_object__next_map(object, map))
      ids.push(idOf(libbpf().bpf_map__fd(map), 'a map'));
    return ids;
  }

  /** A program by its C name. */
  program(name: string): BpfProgram {
    return new BpfProgram(this.#findProgram(name), () => this.#state !== 'closed');
  }

  /** All programs, in the order of the file. */
  programs(): BpfProgram[] {
    const object = this.#alive();
    const programs: BpfProgram[] = [];
    let program = libbpf().bpf_object__next_program(object, null);
    for (; program !== null; program = libbpf().bpf_object__next_program(object, program)) {
      programs.push(new BpfProgram(program, () => this.#state !== 'closed'));
    }
    return programs;
  }

  [Symbol.dispose](): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const map of this.#maps.values()) map[Symbol.dispose]();
    libbpf().bpf_object__close(this.#object);
  }

  #findGlobal(name: string): { section: string; offset: number; size: number } {
    const btf = libbpf().bpf_object__btf(this.#object);
    const sizeOut = Buffer.alloc(4);
    const raw = btf === null ? null : libbpf().btf__raw_data(btf, sizeOut);
    if (raw !== null) {
      const types = readBtf(Buffer.from(viewOf(raw, sizeOut.readUInt32LE())));
      for (const section of types.filter((type) => type.kind === 'datasec')) {
        const found = section.variables.find((variable) => types[variable.type]?.name === name);
        if (found !== undefined) return { section: section.name, offset: found.offset, size: found.size };
      }
    }
    throw new RangeError(`object ${this.name} has no global ${name}`);
  }

  #findMap(name: string): Pointer {
    const map = libbpf().bpf_object__find_map_by_name(this.#require('opened'), name);
    if (map === null) throw new RangeError(`object ${this.name} has no map ${name}`);
    return map;
  }

  #findProgram(name: string): Pointer {
    const program = libbpf().bpf_object__find_program_by_name(this.#alive(), name);
    if (program === null) throw new RangeError(`object ${this.name} has no program ${name}`);
    return program;
  }

  #require(state: 'opened' | 'loaded'): Pointer {
    if (this.#state !== state) throw new TypeError(`object ${this.name} is ${this.#state}, not ${state}`);
    return this.#object;
  }

  #alive(): Pointer {
    if (this.#state === 'closed') throw new TypeError(`object ${this.name} is disposed`);
    return this.#object;
  }
}

function littleEndian(value: bigint, size: number): Buffer {
  const bits = size * 8;
  const fits = size <= 8 && (BigInt.asUintN(bits, value) === value || BigInt.asIntN(bits, value) === value);
  if (!fits) throw new RangeError(`${value} does not fit ${size} bytes`);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes.subarray(0, size);
}
