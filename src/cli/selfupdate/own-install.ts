// SPDX-License-Identifier: Apache-2.0
import { readlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { KubeArmorError } from '#base';
import { TAG } from '../release/fetch-release.ts';

/** An installation that install.sh made. */
export interface OwnInstall {
  /** Folder of all versions: `…/lib/karmor` or `…/.karmor`. */
  readonly place: string;
  /** `v1.2.3`: the one that runs. */
  readonly tag: string;
  /** The link that PATH finds. */
  readonly link: string;
}

/**
 * What install.sh made, by the file that runs: `PLACE/TAG/lib/karmor.mjs`.
 *
 * @throws {KubeArmorError} `NOT_SUPPORTED` for a program that came another way: it is renewed that way
 * @source deploy/install.sh
 */
export async function ownInstall(programPath: string): Promise<OwnInstall> {
  const root = dirname(dirname(programPath));
  const [place, tag] = [dirname(root), basename(root)];
  const isPlace = basename(place) === '.karmor' || (basename(place) === 'karmor' && basename(dirname(place)) === 'lib');
  if (!isPlace || !TAG.test(tag) || tag.includes('..')) throw otherWay(programPath);
  const folder = basename(place) === '.karmor' ? dirname(place) : join(place, '../../bin');
  const link = join(folder, 'karmor');
  const target = await readlink(link).catch(() => undefined);
  if (target === undefined || resolve(folder, target) !== join(root, 'karmor')) {
    throw new KubeArmorError('NOT_SUPPORTED', `renewing karmor: ${link} is not the link that install.sh made`, {
      hint: 'use install.sh',
    });
  }
  return { place, tag, link };
}

function otherWay(path: string): KubeArmorError {
  const [way, hint] = path.includes('/node_modules/')
    ? ['it came by npm', 'use npm']
    : path.startsWith('/usr/lib/')
      ? ['it came by a package', 'use its manager']
      : ['it runs from its sources, or was unpacked by hand', 'renew it as it came, or install it with install.sh'];
  return new KubeArmorError('NOT_SUPPORTED', `renewing karmor: ${path}: ${way}; only what install.sh made is renewed`, { hint });
}
