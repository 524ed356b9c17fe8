// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';
import { KubeArmorError } from '#base';

/** An address in this process. libbpf answers null where it failed; errno says why. */
export type Pointer = bigint;
type In = Pointer | Uint8Array | null;

/** A call on a thread of its own. */
interface Apart<Args extends readonly unknown[]> {
  async(...args: [...Args, (error: Error | null, result: number) => void]): void;
}

interface Libbpf {
  libbpf_set_print(callback: Pointer | null): unknown;
  libbpf_num_possible_cpus(): number;
  libbpf_probe_bpf_prog_type(type: number, opts: null): number;
  libbpf_find_vmlinux_btf_id(name: string, attachType: number): number;
  bpf_object__open_file(path: string, opts: Uint8Array): Pointer | null;
  bpf_object__open_mem(bytes: Uint8Array, size: number, opts: Uint8Array): Pointer | null;
  bpf_object__load: ((object: Pointer) => number) & Apart<[object: Pointer]>;
  bpf_object__close(object: Pointer): void;
  bpf_object__btf(object: Pointer): Pointer | null;
  btf__raw_data(btf: Pointer, size: Uint8Array): Pointer | null;
  bpf_object__find_map_by_name(object: Pointer, name: string): Pointer | null;
  bpf_object__find_program_by_name(object: Pointer, name: string): Pointer | null;
  bpf_object__next_program(object: Pointer, program: Pointer | null): Pointer | null;
  bpf_object__next_map(object: Pointer, map: Pointer | null): Pointer | null;
  bpf_map__name(map: Pointer): string;
  bpf_program__name(program: Pointer): string;
  bpf_program__section_name(program: Pointer): string;
  bpf_program__autoload(program: Pointer): boolean;
  bpf_program__set_autoload(program: Pointer, autoload: boolean): number;
  bpf_program__fd(program: Pointer): number;
  bpf_program__attach(program: Pointer): Pointer | null;
  bpf_link__open(path: string): Pointer | null;
  bpf_link__fd(link: Pointer): number;
  bpf_link__destroy(link: Pointer): number;
  bpf_map__fd(map: Pointer): number;
  bpf_map__reuse_fd(map: Pointer, fd: number): number;
  bpf_map__set_max_entries(map: Pointer, maxEntries: number): number;
  bpf_map__set_inner_map_fd(map: Pointer, fd: number): number;
  bpf_map__initial_value(map: Pointer, size: Uint8Array): Pointer | null;
  bpf_map_create(type: number, name: string, keySize: number, valueSize: number, maxEntries: number, opts: Uint8Array): number;
  bpf_map_update_elem(fd: number, key: Uint8Array, value: Uint8Array, flags: number): number;
  bpf_map_lookup_elem(fd: number, key: Uint8Array, value: Uint8Array): number;
  bpf_map_lookup_and_delete_elem(fd: number, key: Uint8Array, value: Uint8Array): number;
  bpf_map_delete_elem(fd: number, key: Uint8Array): number;
  bpf_map_get_next_key(fd: number, key: Uint8Array | null, next: Uint8Array): number;
  bpf_map_get_fd_by_id(id: number): number;
  bpf_map_freeze(fd: number): number;
  bpf_obj_get_info_by_fd(fd: number, info: Uint8Array, length: Uint8Array): number;
  bpf_obj_pin(fd: number, path: string): number;
  bpf_obj_get(path: string): number;
  bpf_link_create(programFd: number, targetFd: number, attachType: number, opts: null): number;
  bpf_iter_create(linkFd: number): number;
  bpf_prog_load(type: number, name: string, license: string, insns: Uint8Array, count: number, opts: Uint8Array): number;
  bpf_prog_test_run_opts(fd: number, opts: Uint8Array): number;
  bpf_raw_tracepoint_open(name: null, fd: number): number;
}

interface Libc {
  mmap(address: null, length: number, protection: number, flags: number, fd: number, offset: number): Pointer;
  munmap(address: Pointer, length: number): number;
  getpagesize(): number;
  vsnprintf(out: Uint8Array, size: number, format: Pointer, args: In): number;
  mount(source: string, target: string, type: string, flags: number, data: null): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  setns(fd: number, kind: number): number;
}

/** As bpf/libbpf.h, bpf/bpf.h and bpf/btf.h of libbpf 1.0+ declare them, and nothing else. A wrong type here corrupts memory. */
const LIBBPF = {
  libbpf_set_print: 'void *libbpf_set_print(void *)',
  libbpf_num_possible_cpus: 'int libbpf_num_possible_cpus(void)',
  libbpf_probe_bpf_prog_type: 'int libbpf_probe_bpf_prog_type(int, const void *)',
  libbpf_find_vmlinux_btf_id: 'int libbpf_find_vmlinux_btf_id(const char *, int)',
  bpf_object__open_file: 'void *bpf_object__open_file(const char *, const void *)',
  bpf_object__open_mem: 'void *bpf_object__open_mem(const void *, size_t, const void *)',
  bpf_object__load: 'int bpf_object__load(void *)',
  bpf_object__close: 'void bpf_object__close(void *)',
  bpf_object__btf: 'void *bpf_object__btf(const void *)',
  btf__raw_data: 'const void *btf__raw_data(const void *, void *)',
  bpf_object__find_map_by_name: 'void *bpf_object__find_map_by_name(const void *, const char *)',
  bpf_object__find_program_by_name: 'void *bpf_object__find_program_by_name(const void *, const char *)',
  bpf_object__next_program: 'void *bpf_object__next_program(const void *, void *)',
  bpf_object__next_map: 'void *bpf_object__next_map(const void *, const void *)',
  bpf_map__name: 'const char *bpf_map__name(const void *)',
  bpf_program__name: 'const char *bpf_program__name(const void *)',
  bpf_program__section_name: 'const char *bpf_program__section_name(const void *)',
  bpf_program__autoload: 'bool bpf_program__autoload(const void *)',
  bpf_program__set_autoload: 'int bpf_program__set_autoload(void *, bool)',
  bpf_program__fd: 'int bpf_program__fd(const void *)',
  bpf_program__attach: 'void *bpf_program__attach(const void *)',
  bpf_link__open: 'void *bpf_link__open(const char *)',
  bpf_link__fd: 'int bpf_link__fd(const void *)',
  bpf_link__destroy: 'int bpf_link__destroy(void *)',
  bpf_map__fd: 'int bpf_map__fd(const void *)',
  bpf_map__reuse_fd: 'int bpf_map__reuse_fd(void *, int)',
  bpf_map__set_max_entries: 'int bpf_map__set_max_entries(void *, uint32_t)',
  bpf_map__set_inner_map_fd: 'int bpf_map__set_inner_map_fd(void *, int)',
  bpf_map__initial_value: 'void *bpf_map__initial_value(void *, void *)',
  bpf_map_create: 'int bpf_map_create(int, const char *, uint32_t, uint32_t, uint32_t, const void *)',
  bpf_map_update_elem: 'int bpf_map_update_elem(int, const void *, const void *, uint64_t)',
  bpf_map_lookup_elem: 'int bpf_map_lookup_elem(int, const void *, void *)',
  bpf_map_lookup_and_delete_elem: 'int bpf_map_lookup_and_delete_elem(int, const void *, void *)',
  bpf_map_delete_elem: 'int bpf_map_delete_elem(int, const void *)',
  bpf_map_get_next_key: 'int bpf_map_get_next_key(int, const void *, void *)',
  bpf_map_get_fd_by_id: 'int bpf_map_get_fd_by_id(uint32_t)',
  bpf_map_freeze: 'int bpf_map_freeze(int)',
  bpf_obj_get_info_by_fd: 'int bpf_obj_get_info_by_fd(int, void *, void *)',
  bpf_obj_pin: 'int bpf_obj_pin(int, const char *)',
  bpf_obj_get: 'int bpf_obj_get(const char *)',
  bpf_link_create: 'int bpf_link_create(int, int, int, const void *)',
  bpf_iter_create: 'int bpf_iter_create(int)',
  bpf_prog_load: 'int bpf_prog_load(int, const char *, const char *, const void *, size_t, const void *)',
  bpf_prog_test_run_opts: 'int bpf_prog_test_run_opts(int, void *)',
  bpf_raw_tracepoint_open: 'int bpf_raw_tracepoint_open(const char *, int)',
} as const satisfies Record<keyof Libbpf, string>;

const LIBC = {
  mmap: 'void *mmap(void *, size_t, int, int, int, int64_t)',
  munmap: 'int munmap(void *, size_t)',
  getpagesize: 'int getpagesize(void)',
  // Both ABIs hand a va_list to a function as one pointer: x86-64 because it is an array, AArch64 because it is a big struct.
  vsnprintf: 'int vsnprintf(void *, size_t, const void *, void *)',
  mount: 'int mount(const char *, const char *, const char *, unsigned long, const void *)',
  getsockopt: 'int getsockopt(int, int, int, void *, void *)',
  setns: 'int setns(int, int)',
} as const satisfies Record<keyof Libc, string>;

function bind<T>(library: string, prototypes: Readonly<Record<string, string>>): T {
  try {
    const handle = koffi.load(library);
    return Object.fromEntries(Object.entries(prototypes).map(([name, prototype]) => [name, handle.func(prototype)])) as T;
  } catch (cause) {
    const message = `loading ${library}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new KubeArmorError('NOT_SUPPORTED', message, { cause });
  }
}

let boundLibbpf: Libbpf | undefined;
let boundLibc: Libc | undefined;

/** libbpf.so.1, loaded at first use so that programs which never touch BPF run without it. */
export function libbpf(): Libbpf {
  if (boundLibbpf === undefined) {
    boundLibbpf = bind<Libbpf>('libbpf.so.1', LIBBPF);
    boundLibbpf.libbpf_set_print(null); // or its warnings land on our stderr
  }
  return boundLibbpf;
}

/** The C library. */
export function libc(): Libc {
  return (boundLibc ??= bind<Libc>('libc.so.6', LIBC));
}

/** Address of a buffer's bytes, for structs with pointers in them. The buffer must stay referenced while C uses it. */
export function addressOf(bytes: Uint8Array): Pointer {
  return koffi.address(bytes);
}

/** The memory at an address, not a copy. */
export function viewOf(address: Pointer, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/** errno of the call that just failed; ask before anything else runs. */
export function lastErrno(): number {
  return koffi.errno();
}
