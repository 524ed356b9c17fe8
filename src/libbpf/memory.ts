// SPDX-License-Identifier: Apache-2.0
import { kernelError } from './errno.ts';
import { lastErrno, libc, type Pointer, viewOf } from './ffi.ts';

/** From sys/mman.h; the same on x86-64 and AArch64. */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Bytes in a page of this kernel: 4096 on x86-64, up to 65536 on AArch64. */
export function pageSize(): number {
  return libc().getpagesize();
}

export interface MapOptions {
  /** In bytes, a multiple of the page size; 0 if absent. */
  readonly offset?: number;
  readonly writable?: boolean;
}

/**
 * A shared mapping of a descriptor's pages.
 *
 * Disposing unmaps it and detaches `buffer`: every view of it then has length 0, so a late reader gets nothing rather than a crash.
 */
export class MappedMemory implements Disposable {
  readonly buffer: ArrayBuffer;
  readonly #address: Pointer;
  readonly #length: number;

  /**
   * @param length bytes, above 0
   * @throws {KubeArmorError} `KERNEL_CALL` when mmap(2) refuses, e.g. EPERM for a writable mapping of a frozen map
   */
  constructor(fd: number, length: number, options: MapOptions = {}) {
    const protection = options.writable === true ? PROT_READ | PROT_WRITE : PROT_READ;
    const address = libc().mmap(null, length, protection, MAP_SHARED, fd, options.offset ?? 0);
    if (address === MAP_FAILED) throw kernelError(lastErrno(), `mapping ${length} bytes of a BPF map`);
    this.#address = address;
    this.#length = length;
    this.buffer = viewOf(address, length);
  }

  [Symbol.dispose](): void {
    if (this.buffer.detached) return;
    this.buffer.transfer();
    libc().munmap(this.#address, this.#length);
  }
}
