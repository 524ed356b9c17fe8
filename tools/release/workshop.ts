// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAMS } from '../programs.ts';
import type { Program, ProgramName } from '../programs.ts';
import { bundle } from './bundle.ts';
import type { Bundle } from './bundle.ts';
import { compileCanary } from './canary.ts';
import { nodeComponent, npmComponent } from './component.ts';
import type { Component } from './component.ts';
import { NODE_ARCH, readDebianPackage } from './debian.ts';
import type { Arch, DebianPackage } from './debian.ts';
import { runText } from './run.ts';
import type { Release } from './version.ts';

/** Where everything of ours lies on a host and in an image: KubeArmor's folder. */
export const HOME = 'opt/kubearmor';

/** A native file and who made it. */
export interface Native {
  readonly file: string;
  readonly component: Component;
}

/** What artefacts are made of; each part is made once, when it is asked for first. */
export class Workshop {
  readonly release: Release;
  readonly inputs: string;
  readonly #scratch: string;
  readonly #made = new Map<string, unknown>();

  /** @param scratch a folder that this may empty */
  constructor(release: Release, scratch: string) {
    this.release = release;
    this.inputs = join(release.root, '.cache/release/inputs');
    this.#scratch = scratch;
    rmSync(scratch, { recursive: true, force: true });
  }

  /** A fresh empty folder. */
  folder(name: string): string {
    const at = join(this.#scratch, name);
    rmSync(at, { recursive: true, force: true });
    mkdirSync(at, { recursive: true });
    return at;
  }

  /** A program whose first line names the installed Node (HOME) or, for npm, the one of PATH. */
  bundle(name: ProgramName, starter: 'installed' | 'path'): Promise<Bundle> {
    return this.#once(`bundle ${name} ${starter}`, () => {
      const program: Program = PROGRAMS.find((known) => known.name === name) ?? PROGRAMS[0];
      const installed = [`/${HOME}/lib/node`, program.nodeFlag].filter((word) => word !== undefined).join(' ');
      return bundle(this.release, program, this.folder(`bundle-${name}-${starter}`), starter === 'path' ? '/usr/bin/env node' : installed);
    });
  }

  /** Node without its debug symbols, which are a fifth of it. */
  node(arch: Arch): Native {
    return this.#once(`node ${arch}`, () => {
      const directory = this.#input(`node-${NODE_ARCH[arch]}`);
      const file = join(this.folder(`node-${arch}`), 'node');
      runText('llvm-strip-19', ['--strip-all', '-o', file, join(directory, 'bin/node')]);
      return { file, component: nodeComponent(directory) };
    });
  }

  /** koffi's native part, under the name that a bundle looks for. */
  koffi(arch: Arch): Native & { readonly name: string } {
    const key = NODE_ARCH[arch];
    const directory = this.#input(`koffi-${key}`);
    const name = `@koromix/koffi-linux-${key}`;
    const component = npmComponent(this.release.root, name, join(this.release.root, 'node_modules/koffi'));
    return { file: join(directory, `linux_${key}/koffi.node`), name: `koffi-linux-${key}.node`, component };
  }

  /** libatomic, which Node needs and small systems lack. Its terms are in another package of GCC's. */
  libatomic(arch: Arch): Native {
    return this.#once(`libatomic ${arch}`, () => {
      const { entries, component } = this.#debian(arch, 'libatomic1', 'gcc-12-base');
      const file = entries.find((entry) => entry.path.includes('.so.') && 'from' in entry);
      if (file === undefined || !('from' in file)) throw new Error('release: libatomic1 is not what it was');
      return { file: file.from, component };
    });
  }

  /**
   * The kernel programs without their DWARF, for both architectures: nothing in them depends on one, and compiled for the one or the
   * other they are equal byte for byte (docs/adr/0026-artefacts.md).
   *
   * @throws {Error} where they were not compiled
   */
  bpfObject(): string {
    return this.#once('bpf', () => {
      const compiled = join(this.release.root, '.cache/bpf/kubearmor.bpf.o');
      if (!existsSync(compiled)) throw new Error('release: the kernel programs are not compiled: run make build');
      const file = join(this.folder('bpf'), 'kubearmor.bpf.o');
      copyFileSync(compiled, file);
      runText('llvm-strip-19', ['--strip-debug', file]);
      return file;
    });
  }

  /** The canary, and whose libraries are in it: it is static. Without it an agent says of every policy that it is not proven. */
  canary(arch: Arch): { readonly file: string; readonly components: readonly Component[] } {
    return this.#once(`canary ${arch}`, () => {
      const libraries = [this.#debian(arch, 'libc6-dev', 'libc6-dev'), this.#debian(arch, 'libgcc-12-dev', 'gcc-12-base')];
      const file = compileCanary(this.release.root, this.inputs, arch, this.folder(`canary-${arch}`));
      return { file, components: libraries.map(({ component }) => component) };
    });
  }

  /** A Debian package with the text of its terms, which may be in another. */
  #debian(arch: Arch, name: string, termsIn: string): DebianPackage {
    const read = (one: string): DebianPackage => readDebianPackage(this.inputs, arch, one, this.folder(`debian-${arch}-${one}`));
    const found = read(name);
    const terms = (termsIn === name ? found : read(termsIn)).entries.find((entry) => entry.path.endsWith('/copyright'));
    if (terms === undefined || !('from' in terms)) throw new Error(`release: ${termsIn} is not what it was`);
    return { ...found, component: { ...found.component, text: readFileSync(terms.from, 'utf8') } };
  }

  #input(name: string): string {
    const directory = join(this.inputs, name);
    if (!existsSync(directory)) throw new Error(`release: ${name} was not fetched: run tools/release/inputs.sh`);
    return directory;
  }

  #once<T>(key: string, make: () => T): T {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key) as T;
  }
}
