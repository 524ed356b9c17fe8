// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { unpackDebianPackage } from './debian.ts';
import type { Arch } from './debian.ts';
import { runText } from './run.ts';

/** Architectures as GNU's tools name them. */
const GNU = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const satisfies Record<Arch, string>;

/**
 * Compiles native/ for an architecture, with nothing of this machine but the compiler: headers and libraries are those of locked Debian
 * packages. So the same bytes come out on every machine, whatever its own architecture is.
 *
 * @param work a folder of its own
 * @returns the program
 * @throws {Error} where a package was not fetched, or with the compiler's messages
 */
export function compileCanary(root: string, inputs: string, arch: Arch, work: string): string {
  const system = join(work, 'system');
  for (const name of ['libc6-dev', 'libgcc-12-dev', `linux-libc-dev-${arch}-cross`]) unpackDebianPackage(inputs, arch, name, system);
  // where packages for cross compilers have their headers
  const kernelHeaders = join(system, 'usr', GNU[arch], 'include');
  const target = `--target=${GNU[arch]} --sysroot=${system} -isystem ${kernelHeaders} -fuse-ld=lld`;
  runText('make', ['-s', '-C', join(root, 'native'), `OUT=${work}`, `TARGET=${target}`]);
  return join(work, 'canary');
}
