// SPDX-License-Identifier: Apache-2.0
import type { PathAccess } from './access.ts';
import { ACCESS, IMAGE_FLAG } from './image-layout.gen.ts';
import { fnv1a } from './image.ts';
import { APPLET_UNKNOWN, newHit, searchList } from './image-view.ts';
import type { Hit, Image, Query } from './image-view.ts';

const PATH_ACCESS = {
  exec: ACCESS.EXEC,
  read: ACCESS.READ,
  write: ACCESS.WRITE,
  'read-write': ACCESS.READ | ACCESS.WRITE,
  'map-exec': ACCESS.MAPX,
  rename: ACCESS.WRITE | ACCESS.MOVE,
} as const;

function appletOf({ applet }: PathAccess): number {
  if (applet === undefined) return 0;
  return typeof applet === 'string' ? fnv1a(applet) : APPLET_UNKNOWN;
}

/** What the rules say of an access to a path, one hit a kind of access; none where the image has no such rules. */
export function pathHits(image: Image, access: PathAccess): Hit[] {
  const isProcess = access.kind === 'exec' || access.kind === 'map-exec';
  if (!(image.head('flags') & (isProcess ? IMAGE_FLAG.EXEC : IMAGE_FLAG.FILE))) return [];
  const bits = PATH_ACCESS[access.kind];
  const each = Object.values(ACCESS).filter((bit) => bits & bit);
  // executable mappings and moves have no posture: exec and write have
  const hits = each.map((bit) => newHit(((ACCESS.MAPX | ACCESS.MOVE) & bit) === 0));
  const common = { subjectClass: image.subjectClass(access.subject), owner: access.owner, applet: appletOf(access) };
  const search = (records: readonly number[], blockOnly: boolean): void => {
    const query: Query = { ...common, blockOnly };
    for (const record of records) {
      const list = image.w[record + (isProcess ? 1 : 2)]!;
      if (list !== 0) for (const [i, bit] of each.entries()) searchList(image, list, { access: bit, query }, hits[i]!);
    }
  };
  const { state, path, superblockPath } = access.object;
  search(state === 'unknown' ? [image.head('unknown')] : image.recordsOf(path), state === 'foreign');
  if (superblockPath !== undefined && image.head('flags') & IMAGE_FLAG.BLOCK_PATH) search(image.recordsOf(superblockPath), true);
  return hits;
}
