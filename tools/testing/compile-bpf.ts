// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';

/**
 * Compiles a BPF object from C text, for tests that bring their own little programs.
 *
 * `linux/bpf.h`, `bpf/bpf_helpers.h` and `bpf/bpf_tracing.h` can be included; the licence must be declared in the text.
 */
export function compileBpf(source: string): Buffer {
  const arch = process.arch === 'arm64' ? { define: 'arm64', include: 'aarch64' } : { define: 'x86', include: 'x86_64' };
  const flags = ['-g', '-O2', '-Wall', '-Werror', '-target', 'bpf', '-mcpu=v3', `-D__TARGET_ARCH_${arch.define}`];
  const include = `-I/usr/include/${arch.include}-linux-gnu`;
  return execFileSync('clang-19', [...flags, include, '-x', 'c', '-c', '-', '-o', '-'], { input: source, maxBuffer: 64 << 20 });
}
