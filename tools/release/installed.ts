// SPDX-License-Identifier: Apache-2.0
import { basename, join } from 'node:path';
import type { ProgramName } from '../programs.ts';
import { notices } from './component.ts';
import type { Component } from './component.ts';
import type { Arch } from './debian.ts';
import type { Entry } from './tree.ts';
import { HOME } from './workshop.ts';
import type { Workshop } from './workshop.ts';

/** What a workshop gives for programs. */
type ProgramParts = Pick<Workshop, 'bundle' | 'koffi' | 'bpfObject' | 'canary'>;

/** What an artefact holds, and whose work that is. */
export interface Contents {
  readonly entries: readonly Entry[];
  readonly components: readonly Component[];
}

/** Node in HOME. */
export function installedNode(shop: Workshop, arch: Arch): Contents {
  const { file, component } = shop.node(arch);
  return { entries: [{ path: `${HOME}/lib/node`, from: file, mode: 0o755 }], components: [component] };
}

/**
 * Programs in HOME, without Node: `HOME/PROGRAM` is a link to `HOME/lib/PROGRAM.mjs`, whose first line names Node. So no shell is
 * needed to start one. koffi's native part, the kernel programs and the canary come with the programs that use them.
 *
 * @param links the folder for links that PATH finds, like `usr/bin`
 */
export async function installedPrograms(shop: ProgramParts, arch: Arch, names: readonly ProgramName[], links: string): Promise<Contents> {
  const bundles = await Promise.all(names.map((name) => shop.bundle(name, 'installed')));
  const entries: Entry[] = bundles.flatMap(({ program: { name }, file }): Entry[] => [
    { path: `${HOME}/lib/${basename(file)}`, from: file, mode: 0o755 },
    { path: `${HOME}/${name}`, link: `lib/${basename(file)}` },
    { path: `${links}/${name}`, link: `/${HOME}/${name}` },
  ]);
  const components = bundles.flatMap((bundle) => bundle.components);
  if (bundles.some(({ native }) => native)) {
    const { file, name, component } = shop.koffi(arch);
    entries.push({ path: `${HOME}/lib/${name}`, from: file });
    components.push(component);
  }
  if (names.includes('kubearmor')) {
    const canary = shop.canary(arch);
    entries.push({ path: `${HOME}/BPF/kubearmor.bpf.o`, from: shop.bpfObject() });
    entries.push({ path: `${HOME}/lib/canary`, from: canary.file, mode: 0o755 });
    components.push(...canary.components);
  }
  return { entries, components };
}

/** Our licence and what is owed to others, in `folder`. */
export function legal({ release }: Workshop, components: readonly Component[], folder: string): Entry[] {
  const at = (name: string): string => join(folder, name);
  return [
    { path: at('LICENSE'), from: join(release.root, 'LICENSE') },
    { path: at('THIRD-PARTY-NOTICES.txt'), text: notices(components) },
  ];
}
