// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Component } from './component.ts';
import { runText } from './run.ts';
import type { Entry } from './tree.ts';

/** Architectures as Debian and OCI name them. */
export const ARCHES = ['amd64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];

/** The same as Node names them. */
export const NODE_ARCH = { amd64: 'x64', arm64: 'arm64' } as const satisfies Record<Arch, string>;

/** A layer of images; or what the canary is compiled with. */
export type DebianUse = 'base' | 'bpf' | 'canary';

/** The packages of debian.txt, from its text. @throws {Error} at a line that it cannot read */
export function parsePackages(text: string): { name: string; use: DebianUse }[] {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  return lines.filter(Boolean).map((line) => {
    const [, name, use] = /^(\S+)\s+(base|bpf|canary)$/.exec(line) ?? [];
    if (name === undefined || (use !== 'base' && use !== 'bpf' && use !== 'canary'))
      throw new Error(`release: debian.txt: cannot read ${line}`);
    return { name, use };
  });
}

/** A package whose files go into a layer. */
export interface DebianPackage {
  readonly component: Component;
  readonly entries: readonly Entry[];
}

/** Shared libraries, the loader, who is owed what, and the few other files that programs look for. */
const WANTED =
  /^(usr\/)?lib(64)?\/([^/]+\/)?[^/]+\.so[^/]*$|^usr\/share\/doc\/[^/]+(\/copyright)?$|^(usr\/lib|etc)\/os-release$|^usr\/share\/common-licenses\//;
/** Of libc6: for debugging, and name services that nothing is configured for. */
const UNWANTED = /\/(libmemusage|libpcprofile|libc_malloc_debug|libthread_db|libBrokenLocale|libnss_hesiod|libnss_compat)\./;

/**
 * Unpacks a package that inputs.sh fetched and selects what an image needs of it.
 *
 * @param work a folder of its own
 */
export function readDebianPackage(inputs: string, arch: Arch, name: string, work: string): DebianPackage {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const { deb, architecture, version, sha256 } = unpackDebianPackage(inputs, arch, name, work);
  const entries = name === 'ca-certificates' ? authorities(work) : selected(work);
  const control = runText('dpkg-deb', ['-f', deb]);
  return {
    component: {
      kind: 'library',
      name,
      version,
      purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-12`,
      licence: { names: licencesOf(name, entries) },
      hash: { algorithm: 'SHA-256', hex: sha256 },
    },
    // Where scanners of images without dpkg look.
    entries: [...entries, { path: `var/lib/dpkg/status.d/${name}`, text: control.endsWith('\n') ? control : `${control}\n` }],
  };
}

/** A package that inputs.sh fetched. */
export interface Fetched {
  readonly deb: string;
  /** `all` where it is for every one. */
  readonly architecture: string;
  readonly version: string;
  readonly sha256: string;
}

/** Unpacks a package that inputs.sh fetched over what is in the folder `into`. @throws {Error} where it was not fetched */
export function unpackDebianPackage(inputs: string, arch: Arch, name: string, into: string): Fetched {
  const [architecture, line] = lineOf(inputs, arch, name);
  const [, , version = '', sha256 = ''] = line.split(' ');
  const deb = join(inputs, 'debian', architecture, `${name}.deb`);
  runText('dpkg-deb', ['-x', deb, into]);
  return { deb, architecture, version, sha256 };
}

function lineOf(inputs: string, arch: Arch, name: string): [string, string] {
  for (const architecture of [arch, 'all']) {
    try {
      return [architecture, readFileSync(join(inputs, 'debian', architecture, `${name}.is`), 'utf8').trim()];
    } catch {}
  }
  throw new Error(`release: the package ${name} (${arch}) was not fetched: run tools/release/inputs.sh`);
}

function selected(work: string): Entry[] {
  const found = readdirSync(work, { withFileTypes: true, recursive: true });
  return found.flatMap((file): Entry[] => {
    const from = join(file.parentPath, file.name);
    const path = from.slice(work.length + 1);
    if (!WANTED.test(path) || UNWANTED.test(path)) return [];
    if (file.isSymbolicLink()) return [{ path, link: readlinkSync(from) }];
    return file.isFile() ? [{ path, from, mode: /\.so/.test(path) ? 0o755 : 0o644 }] : [];
  });
}

/** One file of all of Mozilla's authorities, as update-ca-certificates makes it. */
function authorities(work: string): Entry[] {
  const folder = join(work, 'usr/share/ca-certificates/mozilla');
  const all = readdirSync(folder).toSorted();
  const text = all.map((name) => `${readFileSync(join(folder, name), 'utf8').trimEnd()}\n`).join('');
  return [...selected(work), { path: 'etc/ssl/certs/ca-certificates.crt', text }];
}

const GCC = ['GPL-3.0-or-later WITH GCC-exception-3.1'];

/** Of packages whose copyright file is free text, after reading it. */
const READ_BY_US: Readonly<Record<string, readonly string[]>> = {
  'base-files': ['GPL-2.0-or-later'],
  'gcc-12-base': GCC,
  libatomic1: GCC,
  libc6: ['LGPL-2.1-or-later', 'and for parts of it others: see /usr/share/doc/libc6/copyright'],
  'libc6-dev': ['LGPL-2.1-or-later', 'and for parts of it others: see its text'],
  'libgcc-12-dev': GCC,
  'libgcc-s1': GCC,
  'libstdc++6': GCC,
};

/** The names of licences in a copyright file that follows Debian's format; else where to read. */
function licencesOf(name: string, entries: readonly Entry[]): readonly string[] {
  const file = entries.find((entry) => basename(entry.path) === 'copyright');
  const parsed = file !== undefined && 'from' in file ? parseCopyright(readFileSync(file.from, 'utf8')) : undefined;
  return parsed ?? READ_BY_US[name] ?? [`see /usr/share/doc/${name}/copyright`];
}

/** @returns undefined where the text is not in the format. @source https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/ */
export function parseCopyright(text: string): string[] | undefined {
  if (!/^Format:.*copyright-format/im.test(text.split('\n', 5).join('\n'))) return undefined;
  const names = [...text.matchAll(/^License:[ \t]*(\S.*)$/gim)].map(([, name = '']) => name.trim());
  return names.length === 0 ? undefined : [...new Set(names)].toSorted();
}
