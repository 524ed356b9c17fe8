// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';
import { libbpf, libc, type Pointer, viewOf } from './ffi.ts';

/** enum libbpf_print_level: LIBBPF_WARN 0, LIBBPF_INFO 1, LIBBPF_DEBUG 2. */
const LIBBPF_DEBUG = 2;
/** AArch64 has the longer va_list: 32 bytes, x86-64 24 (both psABIs). Copying 32 is safe on both: it lies on the caller's stack. */
const VA_LIST_BYTES = 32;

const printProto = koffi.proto('int kubearmor_libbpf_print(int, uintptr_t, uintptr_t)');

/** vsnprintf moves the list on, so a first call on a copy asks for the length. */
function format(pattern: Pointer, args: Pointer): string {
  const copy = Buffer.from(new Uint8Array(viewOf(args, VA_LIST_BYTES)));
  const length = libc().vsnprintf(Buffer.alloc(1), 1, pattern, copy);
  if (length < 0) return '';
  const text = Buffer.alloc(length + 1);
  libc().vsnprintf(text, text.length, pattern, args);
  return text.toString('utf8', 0, length);
}

/**
 * Runs `call` and gives what libbpf said meanwhile, debug messages left out.
 *
 * libbpf has one print callback for the whole process: do not load objects from two threads at once.
 */
export function captureLog<T>(call: () => T): { result: T; log: string } {
  let log = '';
  const callback = koffi.register((level: number, pattern: number | bigint, args: number | bigint) => {
    if (level < LIBBPF_DEBUG) log += format(BigInt(pattern), BigInt(args));
    return 0;
  }, koffi.pointer(printProto));
  libbpf().libbpf_set_print(callback);
  try {
    const result = call();
    return { result, log };
  } finally {
    libbpf().libbpf_set_print(null);
    koffi.unregister(callback);
  }
}
