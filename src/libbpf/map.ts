// SPDX-License-Identifier: Apache-2.0
import { closeSync, readFileSync } from 'node:fs';
import { check, EAGAIN, ENOENT, kernelError } from './errno.ts';
import { libbpf } from './ffi.ts';
import { MappedMemory, pageSize } from './memory.ts';
import { openPinnedFd } from './pinned.ts';

/** In the order of enum bpf_map_type (linux/bpf.h). */
const MAP_TYPES = [
  'unspec',
  'hash',
  'array',
  'prog_array',
  'perf_event_array',
  'percpu_hash',
  'percpu_array',
  'stack_trace',
  'cgroup_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'sockmap',
  'cpumap',
  'xskmap',
  'sockhash',
  'cgroup_storage',
  'reuseport_sockarray',
  'percpu_cgroup_storage',
  'queue',
  'stack',
  'sk_storage',
  'devmap_hash',
  'struct_ops',
  'ringbuf',
  'inode_storage',
  'task_storage',
  'bloom_filter',
  'user_ringbuf',
  'cgrp_storage',
  'arena',
] as const;

/** What the kernel calls BPF_MAP_TYPE_*, in lower case. */
export type MapType = (typeof MAP_TYPES)[number];

/** BPF_F_* flags of map creation. Source: linux/bpf.h. */
export const MAP_FLAGS = {
  NO_PREALLOC: 1 << 0,
  RDONLY_PROG: 1 << 7,
  WRONLY_PROG: 1 << 8,
  MMAPABLE: 1 << 10,
  INNER_MAP: 1 << 12,
} as const;

/** Flags of `BpfMap.update`: any, only a new key (else EEXIST), only a known key (else ENOENT). Source: linux/bpf.h. */
export const UPDATE_FLAGS = { ANY: 0, NOEXIST: 1, EXIST: 2 } as const;

export interface MapInfo {
  /** As the kernel keeps it: at most 15 bytes. */
  readonly name: string;
  readonly type: MapType;
  /** The kernel's id of the map; never reused while the map lives. */
  readonly id: number;
  readonly keySize: number;
  /** Bytes of one value, on one CPU. */
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export interface MapSpec {
  readonly type: MapType;
  /** Letters, digits, `_` and `.`, at most 15 bytes. */
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `MAP_FLAGS`, or-ed. */
  readonly flags?: number;
  /** Template of an array or hash of maps. */
  readonly innerFd?: number;
}

/** struct bpf_map_info (linux/bpf.h), as long as Linux 5.17 fills it. */
const INFO = { size: 88, id: 4, keySize: 8, valueSize: 12, maxEntries: 16, flags: 20, name: 24, nameLength: 16 } as const;
/** struct bpf_map_create_opts (bpf/bpf.h). */
const CREATE_OPTS = { size: 48, innerMapFd: 24, mapFlags: 28 } as const;

function readInfo(fd: number): MapInfo {
  const info = Buffer.alloc(INFO.size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(INFO.size);
  check(libbpf().bpf_obj_get_info_by_fd(fd, info, length), 'reading what a BPF map is');
  const name = info.subarray(INFO.name, INFO.name + INFO.nameLength);
  const end = name.indexOf(0);
  return {
    name: name.toString('latin1', 0, end < 0 ? name.length : end),
    type: MAP_TYPES[info.readUInt32LE(0)] ?? 'unspec',
    id: info.readUInt32LE(INFO.id),
    keySize: info.readUInt32LE(INFO.keySize),
    valueSize: info.readUInt32LE(INFO.valueSize),
    maxEntries: info.readUInt32LE(INFO.maxEntries),
    flags: info.readUInt32LE(INFO.flags),
  };
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

function cellBytes(info: MapInfo): number {
  if (!info.type.startsWith('percpu_') && info.type !== 'lru_percpu_hash') return info.valueSize;
  return roundUp(info.valueSize, 8) * libbpf().libbpf_num_possible_cpus();
}

/**
 * A BPF map. Keys and values are the kernel's bytes, in host order (little-endian on all we support).
 *
 * Every call fails with `KERNEL_CALL` and EBADF once the map, or the object that it came from, was disposed. A key or value of
 * the wrong length is a bug in the caller and throws `RangeError`: the kernel would read or write beyond it.
 */
export class BpfMap implements Disposable {
  readonly name: string;
  readonly info: MapInfo;
  /** Bytes of a value as `lookup` and `update` use it: for per-CPU maps one value, rounded up to 8, for every possible CPU. */
  readonly cellBytes: number;
  #fd: number;
  readonly #owned: boolean;
  readonly #calls = libbpf();

  /** Takes a descriptor; inside the room only. `owned` descriptors are closed by disposing. */
  constructor(fd: number, owned: boolean, name?: string) {
    this.#fd = fd;
    this.#owned = owned;
    this.info = readInfo(fd);
    this.name = name ?? this.info.name;
    this.cellBytes = cellBytes(this.info);
  }

  /**
   * Makes a map that no object declares.
   *
   * @returns owned by the caller; the map lives on while pinned, or while an outer map or a program holds it
   * @throws {KubeArmorError} `KERNEL_CALL`, e.g. E2BIG, ENOMEM, EINVAL
   */
  static create(spec: MapSpec): BpfMap {
    const opts = Buffer.alloc(CREATE_OPTS.size);
    opts.writeBigUInt64LE(BigInt(CREATE_OPTS.size));
    opts.writeUInt32LE(spec.innerFd ?? 0, CREATE_OPTS.innerMapFd);
    opts.writeUInt32LE(spec.flags ?? 0, CREATE_OPTS.mapFlags);
    const type = MAP_TYPES.indexOf(spec.type);
    const fd = libbpf().bpf_map_create(type, spec.name, spec.keySize, spec.valueSize, spec.maxEntries, opts);
    return new BpfMap(check(fd, `creating BPF map ${spec.name} (${spec.type})`), true, spec.name);
  }

  /**
   * Adopts a pinned map.
   *
   * @returns owned by the caller, or undefined where nothing is pinned at `path`
   * @throws {KubeArmorError} `KERNEL_CALL`, e.g. EACCES, or where something else is pinned there
   */
  static openPinned(path: string): BpfMap | undefined {
    const fd = openPinnedFd(path, 'map');
    return fd === undefined ? undefined : new BpfMap(fd, true);
  }

  /**
   * Opens a map by its id.
   *
   * @returns owned by the caller, or undefined where no map has this id
   * @throws {KubeArmorError} `KERNEL_CALL`, e.g. EPERM
   */
  static openId(id: number): BpfMap | undefined {
    const fd = libbpf().bpf_map_get_fd_by_id(id);
    if (fd === -ENOENT) return undefined;
    return new BpfMap(check(fd, `opening BPF map ${id}`), true);
  }

  /** For system calls and for inner maps; -1 once disposed. */
  get fd(): number {
    return this.#fd;
  }

  /** A copy of the value, or undefined where the key is not there. For hot paths: `lookupInto`. */
  lookup(key: Uint8Array): Buffer | undefined {
    const value = Buffer.alloc(this.cellBytes);
    return this.lookupInto(key, value) ? value : undefined;
  }

  /**
   * Copies the value into `value`; allocates nothing.
   *
   * @param value `cellBytes` long
   * @returns false where the key is not there; `value` is then unchanged
   */
  lookupInto(key: Uint8Array, value: Uint8Array): boolean {
    this.#requireKey(key);
    this.#requireValue(value);
    const result = this.#calls.bpf_map_lookup_elem(this.#fd, key, value);
    if (result === -ENOENT) return false;
    if (result < 0) throw this.#error(result, 'looking up a key of');
    return true;
  }

  /** Takes an element out of a hash: its last value, or undefined where the key is not there. */
  take(key: Uint8Array): Buffer | undefined {
    this.#requireKey(key);
    const value = Buffer.alloc(this.cellBytes);
    const result = this.#calls.bpf_map_lookup_and_delete_elem(this.#fd, key, value);
    if (result === -ENOENT) return undefined;
    if (result < 0) throw this.#error(result, 'taking a key of');
    return value;
  }

  /**
   * Sets one element. In an array or hash of maps the value is the inner map's descriptor (u32); the new inner map is in force at
   * once, but the call waits for an RCU grace period.
   *
   * @param flags one of `UPDATE_FLAGS`
   * @throws {KubeArmorError} `KERNEL_CALL`: E2BIG when the map is full, EEXIST and ENOENT as `flags` asks, EPERM when frozen
   */
  update(key: Uint8Array, value: Uint8Array, flags: number = UPDATE_FLAGS.ANY): void {
    this.#requireKey(key);
    this.#requireValue(value);
    const result = this.#calls.bpf_map_update_elem(this.#fd, key, value, flags);
    if (result < 0) throw this.#error(result, 'updating');
  }

  /** @returns false where the key was not there. Elements of arrays cannot be deleted (EINVAL). */
  delete(key: Uint8Array): boolean {
    this.#requireKey(key);
    const result = this.#calls.bpf_map_delete_elem(this.#fd, key);
    if (result === -ENOENT) return false;
    if (result < 0) throw this.#error(result, 'deleting a key of');
    return true;
  }

  /**
   * All keys. While others change the map a key may be missing or come twice.
   *
   * @throws {KubeArmorError} `KERNEL_CALL` when the map changes so fast that the walk finds no end; ENOTSUPP for storage maps
   */
  keys(): Buffer[] {
    const keys: Buffer[] = [];
    for (let key = this.nextKey(); key !== undefined; key = this.nextKey(key)) {
      if (keys.length === this.info.maxEntries) throw kernelError(EAGAIN, `listing BPF map ${this.name}: it changes while being read`);
      keys.push(key);
    }
    return keys;
  }

  /**
   * The key behind another, in the kernel's order, for walks in steps. Of a hash: the first key where `previous` is not there.
   *
   * @param previous absent for the first key
   */
  nextKey(previous?: Uint8Array): Buffer | undefined {
    if (previous !== undefined) this.#requireKey(previous);
    const next = Buffer.alloc(this.info.keySize);
    const result = this.#calls.bpf_map_get_next_key(this.#fd, previous ?? null, next);
    if (result === -ENOENT) return undefined;
    if (result < 0) throw this.#error(result, 'listing');
    return next;
  }

  /**
   * The values of an array made with `MAP_FLAGS.MMAPABLE`, each rounded up to 8 bytes.
   *
   * @returns owned by the caller; while a writable one exists the map cannot be frozen (EBUSY)
   */
  mmap(options: { readonly writable?: boolean } = {}): MappedMemory {
    const length = roundUp(roundUp(this.info.valueSize, 8) * this.info.maxEntries, pageSize());
    return new MappedMemory(this.#fd, length, options);
  }

  /** From now on no system call can change the map; programs still can, unless `RDONLY_PROG`. For ever. */
  freeze(): void {
    const result = this.#calls.bpf_map_freeze(this.#fd);
    if (result < 0) throw this.#error(result, 'freezing');
  }

  /**
   * Bytes of kernel memory that the map takes, as the kernel tells it: whole from Linux 6.4 on, before that what was set aside when
   * it was made. Without what hangs on an outer map's inner maps, or on tasks and sockets. Source: `memlock` in proc(5), fdinfo.
   */
  get memoryBytes(): number {
    return Number(/^memlock:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${this.#fd}`, 'latin1'))?.[1] ?? 0);
  }

  /** Keeps the map alive under a path in a BPF file system, whose directory must exist. EEXIST where the path does. */
  pin(path: string): void {
    check(this.#calls.bpf_obj_pin(this.#fd, path), `pinning map ${this.name} at ${path}`);
  }

  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (this.#owned && fd >= 0) closeSync(fd);
  }

  #requireKey(key: Uint8Array): void {
    if (key.length !== this.info.keySize) throw new RangeError(`map ${this.name}: a key has ${this.info.keySize} bytes, got ${key.length}`);
  }

  #requireValue(value: Uint8Array): void {
    if (value.length !== this.cellBytes) throw new RangeError(`map ${this.name}: a value has ${this.cellBytes} bytes, got ${value.length}`);
  }

  #error(result: number, doing: string): Error {
    return kernelError(-result, `${doing} BPF map ${this.name}`);
  }
}
