// SPDX-License-Identifier: Apache-2.0
import { closeSync, existsSync } from 'node:fs';
import { errnoName } from './errno.ts';
import { libbpf } from './ffi.ts';

/** From linux/bpf.h: enum bpf_prog_type, enum bpf_attach_type. */
const BPF_PROG_TYPE_LSM = 29;
const BPF_LSM_MAC = 27;
/** `r0 = 0; exit`: the LSM program that changes nothing. Source: Documentation/bpf/standardization/instruction-set.rst. */
const RETURN_ZERO = Buffer.from('b7000000000000009500000000000000', 'hex');
/** struct bpf_prog_load_opts (bpf/bpf.h), up to the field that we set last. */
const LOAD_OPTS = { size: 48, expectedAttachType: 12, attachBtfId: 32 } as const;

export interface LsmProbe {
  /** Whether an LSM program could be loaded and attached for an instant. */
  readonly usable: boolean;
  /** What failed, for a person; empty if usable. */
  readonly reason: string;
}

/** Whether the kernel carries its own types (CONFIG_DEBUG_INFO_BTF), without which none of our programs load. */
export function kernelHasBtf(): boolean {
  return existsSync('/sys/kernel/btf/vmlinux');
}

/**
 * Loads a program that always passes at `file_open`, attaches it and lets go of it.
 *
 * It does not tell whether the hook fires: that needs `bpf` among the active LSMs (/sys/kernel/security/lsm; room `host` reads it).
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` when libbpf.so.1 cannot be loaded
 */
export function probeLsm(): LsmProbe {
  const calls = libbpf();
  if (!kernelHasBtf()) return { usable: false, reason: 'the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)' };
  const btfId = calls.libbpf_find_vmlinux_btf_id('file_open', BPF_LSM_MAC);
  if (btfId < 0) return { usable: false, reason: `the kernel has no BPF LSM hooks (CONFIG_BPF_LSM): ${errnoName(-btfId)}` };
  const opts = Buffer.alloc(LOAD_OPTS.size);
  opts.writeBigUInt64LE(BigInt(LOAD_OPTS.size));
  opts.writeUInt32LE(BPF_LSM_MAC, LOAD_OPTS.expectedAttachType);
  opts.writeUInt32LE(btfId, LOAD_OPTS.attachBtfId);
  const fd = calls.bpf_prog_load(BPF_PROG_TYPE_LSM, 'karmor_probe', 'GPL', RETURN_ZERO, RETURN_ZERO.length / 8, opts);
  if (fd < 0) return { usable: false, reason: `loading an LSM program: ${errnoName(-fd)}` };
  try {
    const link = calls.bpf_raw_tracepoint_open(null, fd);
    if (link < 0) return { usable: false, reason: `attaching an LSM program: ${errnoName(-link)}` };
    closeSync(link);
    return { usable: true, reason: '' };
  } finally {
    closeSync(fd);
  }
}

/** Whether the kernel has an LSM hook of this name, e.g. `file_truncate` (6.2). False also where it has no BTF. */
export function kernelHasHook(hook: string): boolean {
  return kernelHasBtf() && libbpf().libbpf_find_vmlinux_btf_id(hook, BPF_LSM_MAC) >= 0;
}
