// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CHARTS, chartFiles, indexText, manifestText, sampleConfigText } from './charts.ts';
import type { Component } from './component.ts';
import { ARCHES } from './debian.ts';
import type { Arch } from './debian.ts';
import { buildDeb } from './deb.ts';
import { buildImages, writeArchives } from './images.ts';
import type { BuiltImage } from './images.ts';
import { karmorFolder, npmPackage } from './karmor.ts';
import { legal } from './installed.ts';
import type { Contents } from './installed.ts';
import type { Subject } from './sbom.ts';
import { gzip, packTar, writeTree } from './tree.ts';
import type { Entry } from './tree.ts';
import type { Workshop } from './workshop.ts';

/** A file of a release, and what its bill of materials says. */
export interface Made {
  readonly file: string;
  readonly subject: Subject;
  readonly components: readonly Component[];
}

/** Something that a release consists of; it may be several files. */
export interface Artefact {
  readonly name: 'npm' | 'tarballs' | 'bpf' | 'debs' | 'installer' | 'charts' | 'manifest' | 'images';
  readonly what: string;
  /** Writes into `out`. */
  readonly make: (shop: Workshop, out: string) => Promise<readonly Made[]>;
}

const generic = (name: string, version: string, arch?: Arch): Subject => ({
  name,
  kind: 'application',
  purl: `pkg:generic/${name}@${version}${arch === undefined ? '' : `?arch=${arch}`}`,
});

/** Files of ours as FILE.tar.gz, or under another ending that means the same. */
function packed(shop: Workshop, { entries }: Pick<Contents, 'entries'>, file: string): string {
  const { epoch } = shop.release;
  const stage = shop.folder('packed');
  const tar = join(shop.folder('packing'), 'all.tar');
  writeTree(stage, entries, epoch);
  packTar(stage, tar, epoch);
  renameSync(gzip(tar), file);
  return file;
}

const npm: Artefact = {
  name: 'npm',
  what: 'karmor as an npm package',
  async make(shop, out) {
    const { version } = shop.release;
    const contents = await npmPackage(shop);
    const subject: Subject = { name: '@kubearmor/karmor', kind: 'application', purl: `pkg:npm/%40kubearmor/karmor@${version}` };
    return [{ file: packed(shop, contents, join(out, `kubearmor-karmor-${version}.tgz`)), subject, components: contents.components }];
  },
};

const tarballs: Artefact = {
  name: 'tarballs',
  what: 'karmor with its own Node, for install.sh or to unpack anywhere',
  async make(shop, out) {
    const { version } = shop.release;
    const made: Made[] = [];
    for (const arch of ARCHES) {
      // One after the other: each is 150 MB on its way. oxlint-disable-next-line no-await-in-loop
      const contents = await karmorFolder(shop, arch);
      const file = packed(shop, contents, join(out, `karmor_${version}_linux_${arch}.tar.gz`));
      made.push({ file, subject: generic('karmor', version, arch), components: contents.components });
    }
    return made;
  },
};

const bpf: Artefact = {
  name: 'bpf',
  what: 'the compiled kernel programs, for both architectures',
  async make(shop, out) {
    const { version } = shop.release;
    const entries: Entry[] = [{ path: 'BPF/kubearmor.bpf.o', from: shop.bpfObject() }, ...legal(shop, [], 'BPF')];
    const file = packed(shop, { entries }, join(out, `kubearmor-bpf_${version}_linux.tar.gz`));
    return [{ file, subject: { ...generic('kubearmor-bpf', version), licence: 'GPL-2.0-only OR Apache-2.0' }, components: [] }];
  },
};

const debs: Artefact = {
  name: 'debs',
  what: 'agent and karmor for hosts and VMs, with a systemd unit',
  async make(shop, out) {
    const { version } = shop.release;
    const made: Made[] = [];
    for (const arch of ARCHES) {
      const file = join(out, `kubearmor_${version}_linux-${arch}.deb`);
      // As above. oxlint-disable-next-line no-await-in-loop
      const { components } = await buildDeb(shop, arch, file);
      made.push({ file, subject: generic('kubearmor', version, arch), components });
    }
    return made;
  },
};

const installer: Artefact = {
  name: 'installer',
  what: 'install.sh: fetches, checks and installs karmor',
  async make(shop, out) {
    const { root, version, epoch } = shop.release;
    writeTree(out, [{ path: 'install.sh', from: join(root, 'deploy/install.sh'), mode: 0o755 }], epoch);
    return [{ file: join(out, 'install.sh'), subject: generic('kubearmor-install', version), components: [] }];
  },
};

const charts: Artefact = {
  name: 'charts',
  what: 'charts for Helm, and the index of their folder',
  async make(shop, out) {
    const { version, epoch, root } = shop.release;
    const contained = CHARTS.map((chart) => {
      const file = packed(shop, { entries: chartFiles(chart, version, root) }, join(out, `${chart.name}-${version}.tgz`));
      return { chart, file: basename(file), sha256: createHash('sha256').update(readFileSync(file)).digest('hex') };
    });
    writeTree(out, [{ path: 'index.yaml', text: indexText(contained, version, new Date(epoch * 1_000).toISOString()) }], epoch);
    return contained.map(({ chart, file }) => ({ file: join(out, file), subject: generic(chart.name, version), components: [] }));
  },
};

const manifest: Artefact = {
  name: 'manifest',
  what: 'the operator for kubectl apply, and a KubeArmorConfig for it',
  async make(shop, out) {
    const { version, epoch } = shop.release;
    const texts = { 'kubearmor-operator.yaml': manifestText(version), 'kubearmor-config.yaml': sampleConfigText() };
    writeTree(
      out,
      Object.entries(texts).map(([path, text]) => ({ path, text })),
      epoch,
    );
    return Object.keys(texts).map((file) => ({ file: join(out, file), subject: generic(file, version), components: [] }));
  },
};

/** Written beside the archives: name, digest and architecture of each image. */
export const IMAGE_LIST = 'images.txt';

const images: Artefact = {
  name: 'images',
  what: 'OCI images of what runs in a cluster, as archives',
  async make(shop, out) {
    const { version, epoch } = shop.release;
    const built = await buildImages(shop);
    const lines = built.map(({ image: { reference, manifest, arch } }) => `${reference} ${manifest.digest} linux/${arch}\n`);
    writeTree(out, [{ path: IMAGE_LIST, text: lines.join('') }], epoch);
    const [both, ...each] = writeArchives(shop, built, out).toReversed();
    const subject = generic('kubearmor-images', version);
    const componentsOf = (some: readonly BuiltImage[]): Component[] => some.flatMap(({ components }) => [...components]);
    return [
      ...(both === undefined ? [] : [{ file: both, subject, components: componentsOf(built) }]),
      ...each.toReversed().map((file, i) => ({
        file,
        subject: generic('kubearmor-images', version, ARCHES[i]),
        components: componentsOf(built.filter(({ image }) => image.arch === ARCHES[i])),
      })),
    ];
  },
};

/** Everything that `make release` makes. Another artefact is one more entry. */
export const ARTEFACTS: readonly Artefact[] = [npm, tarballs, bpf, debs, installer, charts, manifest, images];
