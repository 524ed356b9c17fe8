// SPDX-License-Identifier: Apache-2.0
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoHint, errnoText, KubeArmorError } from '#base';
import { run } from '#host';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { findRelease, KARMOR_ARCHIVE } from '../release/fetch-release.ts';
import type { Source } from '../release/fetch-release.ts';
import { ownInstall } from './own-install.ts';
import type { OwnInstall } from './own-install.ts';

/** Long enough for a slow disk. */
const UNPACK_MS = 300_000;

/**
 * `karmor selfupdate`: what was there stays until the new one is whole and runs; the version before stays beside it.
 *
 * @throws {KubeArmorError} as `ownInstall` and `findRelease`; `HOST_IO` where the program cannot be put there, or does not run
 */
export async function selfUpdate(source: Source, io: Io): Promise<ExitCode> {
  // What was asked for is looked at first: a slip there is told whatever this program is.
  const release = await findRelease(KARMOR_ARCHIVE, source, io.signal);
  const own = await ownInstall(io.programPath);
  if (release.tag === own.tag) {
    await io.out(`karmor ${own.tag} is installed already`);
    return EXIT_CODES.ok.code;
  }
  const archive = await release.fetch();
  const said = await failing(`installing into ${own.place}`, () => install(release.tag, archive, own));
  await io.out(`${said} is installed as ${own.link}; ${own.tag} stays in ${own.place}`);
  return EXIT_CODES.ok.code;
}

async function failing<T>(doing: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof KubeArmorError) throw error;
    const hint = errnoHint(error);
    throw new KubeArmorError('HOST_IO', `${doing}: ${errnoText(error)}${hint === undefined ? '' : `: ${hint}`}; nothing was changed`, {
      cause: error,
    });
  }
}

/** Unpacked beside its place, tried, then put there by one rename; the link is changed last. @returns what the new program says it is */
async function install(tag: string, archive: Buffer, { place, link }: OwnInstall): Promise<string> {
  const fresh = join(place, `.new.${process.pid}`);
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh);
  try {
    const unpacked = await run('tar', ['-xzf', '-', '-C', fresh, '--no-same-owner'], { input: archive, timeoutMs: UNPACK_MS });
    if (unpacked.exitCode !== 0) throw new KubeArmorError('HOST_IO', `unpacking ${tag}: ${unpacked.stderr.trim()}; nothing was changed`);
    const tried = await run(join(fresh, 'karmor'), ['version', '--client']);
    if (tried.exitCode !== 0) {
      throw new KubeArmorError(
        'HOST_IO',
        `trying ${tag}: the program does not run here: ${(tried.stderr || tried.stdout).trim()}; nothing was changed`,
      );
    }
    await rm(join(place, tag), { recursive: true, force: true });
    await rename(fresh, join(place, tag));
    const next = join(dirname(link), `.karmor.${process.pid}`);
    await rm(next, { force: true });
    await symlink(join(place, tag, 'karmor'), next);
    await rename(next, link);
    return tried.stdout.trim().split('\n')[0] ?? tag;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
