// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import type { Arch } from './debian.ts';
import { installedNode, installedPrograms, legal } from './installed.ts';
import type { Contents } from './installed.ts';
import { runText } from './run.ts';
import { writeTree } from './tree.ts';
import type { Entry } from './tree.ts';
import { debianVersion } from './version.ts';
import { HOME } from './workshop.ts';
import type { Workshop } from './workshop.ts';

/** What Node and libbpf need that is not in the package. Debian 12, Ubuntu 24.04 and later have all of it. */
const DEPENDS = ['init-system-helpers (>= 1.54~)', 'libatomic1', 'libbpf1', 'libc6 (>= 2.28)', 'libgcc-s1', 'libstdc++6 (>= 8)'];

const DOC = 'usr/share/doc/kubearmor';
const CONFIGURATION = `${HOME}/kubearmor.yaml`;

/** The package for hosts and VMs: agent, karmor, Node, the kernel programs, the unit. */
export async function debContents(shop: Workshop, arch: Arch): Promise<Contents> {
  const { root } = shop.release;
  const node = installedNode(shop, arch);
  const programs = await installedPrograms(shop, arch, ['kubearmor', 'karmor'], 'usr/bin');
  const components = [...node.components, ...programs.components];
  const entries: Entry[] = [
    ...node.entries,
    ...programs.entries,
    { path: CONFIGURATION, from: join(root, 'deploy/deb/kubearmor.yaml') },
    { path: `${HOME}/policies`, folder: true, mode: 0o700 },
    { path: 'usr/lib/systemd/system/kubearmor.service', from: join(root, 'deploy/deb/kubearmor.service') },
    { path: `${DOC}/copyright`, text: `${readFileSync(join(root, 'LICENSE'), 'utf8')}\n` },
    ...legal(shop, components, DOC).filter(({ path }) => !path.endsWith('/LICENSE')),
  ];
  return { entries, components };
}

/** Builds it with dpkg-deb, which needs no root for that. */
export async function buildDeb(shop: Workshop, arch: Arch, out: string): Promise<Contents> {
  const { version, epoch, root } = shop.release;
  const contents = await debContents(shop, arch);
  const stage = shop.folder(`deb-${arch}`);
  const scripts = ['postinst', 'prerm', 'postrm'];
  const control: Entry[] = [
    { path: 'DEBIAN/control', text: controlFile(version, arch, installedKib(contents.entries)) },
    { path: 'DEBIAN/conffiles', text: `/${CONFIGURATION}\n` },
    { path: 'DEBIAN/md5sums', text: checksums(contents.entries) },
    ...scripts.map((name): Entry => ({ path: `DEBIAN/${name}`, from: join(root, 'deploy/deb', name), mode: 0o755 })),
  ];
  writeTree(stage, [...contents.entries, ...control], epoch);
  // zstd: xz would save a fifth and take ten times as long. One thread: with more, the bytes depend on their number.
  const words = ['--root-owner-group', '-Zzstd', '-z9', '--threads-max=1', '--build', stage, out];
  runText('dpkg-deb', words, { SOURCE_DATE_EPOCH: String(epoch) });
  return contents;
}

function controlFile(version: string, arch: Arch, sizeKib: number): string {
  return `Package: kubearmor
Version: ${debianVersion(version)}
Architecture: ${arch}
Maintainer: The KubeArmor authors <kubearmor@localhost>
Installed-Size: ${sizeKib}
Depends: ${DEPENDS.join(', ')}
Recommends: ca-certificates
Section: admin
Priority: optional
Description: runtime security for containers, VMs and hosts
 Policies of KubeArmor's form say what processes, files, networks and
 capabilities a container or this host may use; programs in the Linux kernel
 (BPF LSM) enforce them. This package holds the agent, which runs as a service,
 and the command line karmor. The kernel must be 6.1 or later and have bpf
 among its security modules.
`;
}

const bytesOf = (entry: Entry): Buffer | undefined => {
  if ('text' in entry) return Buffer.from(entry.text);
  return 'from' in entry ? readFileSync(entry.from) : undefined;
};

const installedKib = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + Math.ceil(('from' in entry ? statSync(entry.from).size : 1) / 1024), 0);

/** What `dpkg --verify` compares with. */
function checksums(entries: readonly Entry[]): string {
  const lines = entries.flatMap((entry) => {
    const bytes = entry.path === CONFIGURATION ? undefined : bytesOf(entry);
    return bytes === undefined ? [] : [`${createHash('md5').update(bytes).digest('hex')}  ${entry.path}\n`];
  });
  return lines.toSorted().join('');
}
