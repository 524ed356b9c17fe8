// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errnoText, KubeArmorError } from '#base';

/** Where from: a release index (a folder, or its address), or an archive with its checksum. */
export interface Source {
  readonly from: string;
  /** Absent: the latest. */
  readonly tag?: string | undefined;
  /** SHA-256 of an archive that is named itself. */
  readonly sha256?: string | undefined;
}

/** A file of a release for one architecture, by its name. @source tools/release/artefacts.ts */
export interface Artefact {
  /** Version, then architecture. */
  readonly pattern: RegExp;
  readonly nameOf: (version: string, arch: string) => string;
}

/** `karmor` with its Node. */
export const KARMOR_ARCHIVE: Artefact = {
  pattern: /^karmor_(\d[A-Za-z0-9.-]*)_linux_(amd64|arm64)\.tar\.gz$/,
  nameOf: (version, arch) => `karmor_${version}_linux_${arch}.tar.gz`,
};

/** Agent and `karmor` for a machine without Kubernetes. */
export const MACHINE_PACKAGE: Artefact = {
  pattern: /^kubearmor_(\d[A-Za-z0-9.-]*)_linux-(amd64|arm64)\.deb$/,
  nameOf: (version, arch) => `kubearmor_${version}_linux-${arch}.deb`,
};

export interface Release {
  readonly tag: string;
  /** Gets its archive and compares it with its checksum. @throws {KubeArmorError} `HOST_IO` where it cannot be had whole, or is not what it should be */
  readonly fetch: () => Promise<Buffer>;
  /** Its SHA-256, which is that of the release's list or the one that was given. */
  readonly sha256: string;
  /** Where it is: an address or a path. */
  readonly place: string;
}

export const TAG = /^v\d[A-Za-z0-9.-]*$/;
const TIMEOUT_MS = 300_000;
/** An archive has some 40 MB. */
const SIZE_MAX = 512 * 1024 * 1024;
const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64';

/**
 * Finds an artefact for this machine's architecture; of an index its list is read.
 *
 * @throws {KubeArmorError} `USAGE` for what is no release, `HOST_IO` where the index cannot be read
 */
export async function findRelease(artefact: Artefact, { from, tag, sha256 }: Source, signal: AbortSignal): Promise<Release> {
  const found = artefact.pattern.exec(basename(from));
  if (found !== null) return namedArchive(from, found, { tag, sha256 }, signal);
  if (sha256 !== undefined) throw new KubeArmorError('USAGE', '--sha256 is of an archive; of a release its own list has them');
  const chosen = tag ?? (await read(below(from, 'latest'), signal)).toString('utf8').split('\n')[0]?.trim() ?? '';
  if (!TAG.test(chosen) || chosen.includes('..'))
    throw new KubeArmorError('USAGE', `${chosen.slice(0, 80)} is no tag: a tag is v and a version, like v1.2.3`);
  const name = artefact.nameOf(chosen.slice(1), ARCH);
  const list = (await read(below(from, `${chosen}/SHA256SUMS`), signal)).toString('utf8');
  const wanted = list
    .split('\n')
    .find((line) => line.endsWith(`  ${name}`))
    ?.split(' ')[0];
  if (wanted === undefined) throw new KubeArmorError('USAGE', `the release ${chosen} has no ${name} in its list SHA256SUMS`);
  const place = below(from, `${chosen}/${name}`);
  return { tag: chosen, sha256: wanted, place, fetch: async () => checked(await read(place, signal), wanted, name) };
}

function namedArchive(
  from: string,
  [, version = '', arch]: RegExpExecArray,
  { tag, sha256 }: Omit<Source, 'from'>,
  signal: AbortSignal,
): Release {
  if (tag !== undefined) throw new KubeArmorError('USAGE', `${tag}: an archive is of one version; leave the tag out`);
  if (arch !== ARCH) throw new KubeArmorError('USAGE', `${basename(from)} is for ${arch}, this machine is ${ARCH}`);
  if (sha256 === undefined || !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new KubeArmorError('USAGE', '--sha256 with 64 hexadecimal digits is needed with an archive: its release’s SHA256SUMS has it');
  }
  const wanted = sha256.toLowerCase();
  const fetch = async (): Promise<Buffer> => checked(await read(from, signal), wanted, basename(from));
  return { tag: `v${version}`, sha256: wanted, place: from, fetch };
}

function checked(archive: Buffer, wanted: string, name: string): Buffer {
  const got = createHash('sha256').update(archive).digest('hex');
  if (got === wanted) return archive;
  throw new KubeArmorError('HOST_IO', `${name} is not what its release says (SHA-256 ${got}, expected ${wanted}); nothing was changed`);
}

const isUrl = (place: string): boolean => /^https?:\/\//.test(place);
const below = (place: string, path: string): string => (isUrl(place) ? `${place.replace(/\/$/, '')}/${path}` : join(place, path));

async function read(place: string, outer: AbortSignal): Promise<Buffer> {
  try {
    return isUrl(place) ? await download(place, AbortSignal.any([outer, AbortSignal.timeout(TIMEOUT_MS)])) : await readFile(place);
  } catch (error) {
    if (error instanceof KubeArmorError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : errnoText(error);
    throw new KubeArmorError('HOST_IO', `fetching ${place}: ${cause}; nothing was changed`, { cause: error });
  }
}

async function download(url: string, signal: AbortSignal): Promise<Buffer> {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new KubeArmorError('HOST_IO', `fetching ${url}: the server answers ${answer.status}; nothing was changed`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > SIZE_MAX) throw new KubeArmorError('HOST_IO', `fetching ${url}: more than ${SIZE_MAX} bytes; nothing was changed`);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}
