// SPDX-License-Identifier: Apache-2.0
import { getSystemErrorMap } from 'node:util';
import { KubeArmorError } from '#base';

/** Numbers that user space's errno.h does not know. Source: include/linux/errno.h, libbpf.h (enum libbpf_errno). */
const EXTRA: Readonly<Record<number, string>> = {
  517: 'EPROBE_DEFER',
  524: 'ENOTSUPP',
  4000: 'LIBELF',
  4001: 'FORMAT',
  4002: 'KVERSION',
  4003: 'ENDIAN',
  4004: 'INTERNAL',
  4005: 'RELOC',
  4006: 'LOAD',
  4007: 'VERIFY',
  4008: 'PROG2BIG',
  4009: 'KVER',
  4010: 'PROGTYPE',
  4011: 'WRNGPID',
  4012: 'INVSEQ',
  4013: 'NLPARSE',
};

export const ENOENT = 2;
export const EAGAIN = 11;

/** `EPERM` for 1; `errno 1234` where the number has no name. */
export function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? EXTRA[errno] ?? `errno ${errno}`;
}

/** `doing: EPERM`, ready to be thrown. */
export function kernelError(errno: number, doing: string): KubeArmorError {
  const name = errnoName(errno);
  return new KubeArmorError('KERNEL_CALL', `${doing}: ${name}`, { context: { errno: name } });
}

/** Throws unless `result` is 0 or positive. libbpf 1.x answers -errno. For cold paths: `doing` is built on every call. */
export function check(result: number, doing: string): number {
  if (result < 0) throw kernelError(-result, doing);
  return result;
}
