// SPDX-License-Identifier: Apache-2.0
import { closeSync } from 'node:fs';
import { check, kernelError } from './errno.ts';
import { lastErrno, libbpf, type Pointer } from './ffi.ts';
import { idOf, openPinnedFd } from './pinned.ts';

/** An attachment of a program. Disposing detaches it, unless it is pinned: then it lives while the pin does. */
export class BpfLink implements Disposable {
  readonly #name: string;
  #link: Pointer | undefined;

  /** Takes a `struct bpf_link`; inside the room only. */
  constructor(link: Pointer, name: string) {
    this.#link = link;
    this.#name = name;
  }

  /**
   * Adopts a pinned link. To detach it for good: dispose it and unlink `path`.
   *
   * @returns owned by the caller, or undefined where nothing is pinned at `path`
   * @throws {KubeArmorError} `KERNEL_CALL`, e.g. EACCES, or where something else is pinned there
   */
  static openPinned(path: string): BpfLink | undefined {
    const fd = openPinnedFd(path, 'link');
    if (fd === undefined) return undefined;
    closeSync(fd); // libbpf opens it again for its own handle
    const link = libbpf().bpf_link__open(path);
    if (link === null) throw kernelError(lastErrno(), `opening the link pinned at ${path}`);
    return new BpfLink(link, path);
  }

  /** -1 once disposed. */
  get fd(): number {
    return this.#link === undefined ? -1 : libbpf().bpf_link__fd(this.#link);
  }

  /** The kernel's id of the link. */
  get id(): number {
    return idOf(this.fd, `link ${this.#name}`);
  }

  /** Keeps the program attached without us, under a path in a BPF file system, whose directory must exist. EEXIST where the path does. */
  pin(path: string): void {
    if (this.#link === undefined) throw new TypeError(`link ${this.#name} is disposed`);
    check(libbpf().bpf_obj_pin(this.fd, path), `pinning link ${this.#name} at ${path}`);
  }

  [Symbol.dispose](): void {
    const link = this.#link;
    this.#link = undefined;
    if (link !== undefined) libbpf().bpf_link__destroy(link);
  }
}
