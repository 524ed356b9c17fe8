// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramName } from '../programs.ts';
import type { Component } from './component.ts';
import { ARCHES, parsePackages, readDebianPackage } from './debian.ts';
import type { Arch, DebianUse } from './debian.ts';
import { installedNode, installedPrograms, legal } from './installed.ts';
import { makeImage, makeLayer, writeArchive } from './oci.ts';
import type { Image, Layer } from './oci.ts';
import { HOME } from './workshop.ts';
import type { Workshop } from './workshop.ts';
import type { Entry } from './tree.ts';

/** Where images are named as if they came from; nothing is ever sent there by a build. */
const REGISTRY = 'docker.io';
const NOBODY = '65532:65532';

interface ImageRow {
  /** As KubeArmor's. */
  readonly name: string;
  /** The first is what starts. */
  readonly programs: readonly ProgramName[];
  readonly what: string;
  /** With libbpf. As root: the agent needs it, and nothing else does. */
  readonly bpf?: boolean;
}

/** Another image is one more row here. All share the layers of Debian and Node, so each costs a registry and a node its program only. */
export const IMAGES: readonly ImageRow[] = [
  { name: 'kubearmor/kubearmor', programs: ['kubearmor', 'karmor'], what: 'the agent of a node', bpf: true },
  { name: 'kubearmor/kubearmor-controller', programs: ['kubearmor-controller'], what: 'the controller of a cluster' },
  {
    name: 'kubearmor/kubearmor-operator',
    programs: ['kubearmor-operator'],
    what: 'installs what a KubeArmorConfig asks for, and keeps it so',
  },
  { name: 'kubearmor/kubearmor-relay-server', programs: ['kubearmor-relay'], what: 'the alerts and logs of all agents as one stream' },
];

/** The name that a cluster knows an image by. */
export const referenceOf = (name: string, version: string): string => `${REGISTRY}/${name}:v${version}`;

/** An image and whose work is in it. */
export interface BuiltImage {
  readonly image: Image;
  readonly name: string;
  readonly components: readonly Component[];
}

interface BuiltLayer {
  readonly layer: Layer;
  readonly components: readonly Component[];
}

/** Time of files that are not ours: the same in every release, so that a new one brings only its own layer. 1980-01-01. */
const LONG_AGO = 315_532_800;

/** Without which programs do not find names, users or room for a file. */
const SYSTEM: readonly Entry[] = [
  { path: 'etc/passwd', text: 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65532:65532:nobody:/nonexistent:/sbin/nologin\n' },
  { path: 'etc/group', text: 'root:x:0:\nnobody:x:65532:\n' },
  { path: 'etc/nsswitch.conf', text: 'passwd: files\ngroup: files\nhosts: files dns\n' },
  { path: 'tmp', folder: true, mode: 0o1777 },
  { path: 'root', folder: true, mode: 0o700 },
];

function debianLayer(shop: Workshop, arch: Arch, use: DebianUse): BuiltLayer {
  const names = parsePackages(readFileSync(join(shop.release.root, 'tools/release/debian.txt'), 'utf8'));
  const found = names
    .filter((row) => row.use === use)
    .map(({ name }) => readDebianPackage(shop.inputs, arch, name, shop.folder(`image-${arch}-${name}`)));
  const entries = [...found.flatMap((one) => one.entries), ...(use === 'base' ? SYSTEM : [])];
  const what = `files of Debian 12: ${found.map(({ component }) => `${component.name} ${component.version}`).join(', ')}`;
  const built = makeLayer(entries, shop.folder(`layer-${arch}-${use}`), LONG_AGO, what);
  return { layer: built, components: found.map(({ component }) => component) };
}

function nodeLayer(shop: Workshop, arch: Arch): BuiltLayer {
  const { entries, components } = installedNode(shop, arch);
  const what = `Node ${components[0]?.version}`;
  return { layer: makeLayer(entries, shop.folder(`layer-${arch}-node`), LONG_AGO, what), components };
}

async function programLayer(shop: Workshop, arch: Arch, row: ImageRow, below: readonly Component[]): Promise<BuiltLayer> {
  const { entries, components } = await installedPrograms(shop, arch, row.programs, 'usr/bin');
  const all = [...entries, ...legal(shop, [...below, ...components], 'usr/share/doc/kubearmor')];
  const folder = shop.folder(`layer-${arch}-${row.name.replace('/', '-')}`);
  return { layer: makeLayer(all, folder, shop.release.epoch, `KubeArmor: ${row.programs.join(', ')}`), components };
}

/** Every image for every architecture. */
export async function buildImages(shop: Workshop): Promise<BuiltImage[]> {
  const built: BuiltImage[] = [];
  for (const arch of ARCHES) {
    const common = [debianLayer(shop, arch, 'base'), nodeLayer(shop, arch)];
    const bpf = debianLayer(shop, arch, 'bpf');
    for (const row of IMAGES) {
      const below = row.bpf === true ? [...common, bpf] : common;
      // One after the other, as they share folders. oxlint-disable-next-line no-await-in-loop
      built.push(await buildImage(shop, arch, row, below));
    }
  }
  return built;
}

async function buildImage(shop: Workshop, arch: Arch, row: ImageRow, below: readonly BuiltLayer[]): Promise<BuiltImage> {
  const { version, commit, epoch } = shop.release;
  const owed = below.flatMap(({ components }) => components);
  const all = [...below, await programLayer(shop, arch, row, owed)];
  const config = {
    entrypoint: [`/${HOME}/${row.programs[0]}`],
    user: row.bpf === true ? '0:0' : NOBODY,
    workingDirectory: `/${HOME}`,
    labels: {
      'org.opencontainers.image.title': row.name,
      'org.opencontainers.image.description': `KubeArmor: ${row.what}`,
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': commit,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
    created: epoch,
  };
  const layers = all.map(({ layer }) => layer);
  const components = all.flatMap((one) => one.components);
  return { image: makeImage(referenceOf(row.name, version), arch, layers, config), name: row.name, components };
}

/** The archives: one for each architecture and one of all. @returns their paths */
export function writeArchives(shop: Workshop, built: readonly BuiltImage[], out: string): string[] {
  const { version, epoch } = shop.release;
  const images = built.map(({ image }) => image);
  const write = (some: readonly Image[], name: string): string => {
    const file = join(out, name);
    writeArchive(some, file, shop.folder(name), epoch);
    return file;
  };
  return [
    ...ARCHES.map((arch) =>
      write(
        images.filter((image) => image.arch === arch),
        `kubearmor-images_${version}_linux_${arch}.tar`,
      ),
    ),
    write(images, `kubearmor-images_${version}_oci.tar`),
  ];
}
