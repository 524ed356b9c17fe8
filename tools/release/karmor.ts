// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { ARCHES } from './debian.ts';
import type { Arch } from './debian.ts';
import { legal } from './installed.ts';
import type { Contents } from './installed.ts';
import type { Entry } from './tree.ts';
import type { Workshop } from './workshop.ts';

/** Node's releases that `karmor` was tried with (test/release): the target of its bundle and what it calls are there since 22. */
const NODE_RANGE = '>=22';

/** `karmor` as an npm package: one file for the Node that is there, with native parts for what only works on Linux. */
export async function npmPackage(shop: Workshop): Promise<Contents> {
  const { file, components } = await shop.bundle('karmor', 'path');
  const natives = ARCHES.map((arch) => shop.koffi(arch));
  const all = [...components, ...natives.map(({ component }) => component)];
  const manifest = {
    name: '@kubearmor/karmor',
    version: shop.release.version,
    description: 'The command line of KubeArmor: checks, tests and explains policies, shows alerts, asks agents',
    license: 'Apache-2.0',
    type: 'module',
    bin: { karmor: 'karmor.mjs' },
    engines: { node: NODE_RANGE },
  };
  const entries: Entry[] = [
    { path: 'package/package.json', text: `${JSON.stringify(manifest, undefined, 2)}\n` },
    { path: 'package/README.md', text: README },
    { path: 'package/karmor.mjs', from: file, mode: 0o755 },
    ...natives.map((native): Entry => ({ path: `package/${native.name}`, from: native.file })),
    ...legal(shop, all, 'package'),
  ];
  return { entries, components: all };
}

const README = `# karmor

The command line of KubeArmor. \`karmor --help\` lists its commands; \`karmor policy check FILE…\` needs nothing but the files.
Needs Node ${NODE_RANGE.replace('>=', '')} or later. What speaks to the kernel of this machine (a part of \`karmor probe\`) works on Linux with
glibc, amd64 and arm64; everything else wherever Node runs.
`;

/** `karmor` with its own Node, in one folder that may lie anywhere. */
export async function karmorFolder(shop: Workshop, arch: Arch): Promise<Contents> {
  const { file, components } = await shop.bundle('karmor', 'path');
  const node = shop.node(arch);
  const koffi = shop.koffi(arch);
  const atomic = shop.libatomic(arch);
  const all = [...components, node.component, koffi.component, atomic.component];
  const entries: Entry[] = [
    { path: 'karmor', from: join(shop.release.root, 'deploy/karmor'), mode: 0o755 },
    { path: 'lib/karmor.mjs', from: file },
    { path: 'lib/node', from: node.file, mode: 0o755 },
    { path: `lib/${koffi.name}`, from: koffi.file },
    { path: 'lib/shared/libatomic.so.1', from: atomic.file },
    ...legal(shop, all, '.').map((entry): Entry => ({ ...entry, path: entry.path.replace(/^\.\//, '') })),
  ];
  return { entries, components: all };
}
