// SPDX-License-Identifier: Apache-2.0
import type { PathAccess, Verdict } from './access.ts';
import { ACCESS, FAMILY, IMAGE_FLAG } from './image-layout.gen.ts';
import { fnv1a } from './image.ts';
import { APPLET_UNKNOWN, conclude, newHit, searchList } from './image-view.ts';
import type { Image, Query } from './image-view.ts';

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

/** As {@link evaluate}, for paths. */
export function evaluatePath(image: Image, access: PathAccess): Verdict {
  const isProcess = access.kind === 'exec' || access.kind === 'map-exec';
  if (!(image.head('flags') & (isProcess ? IMAGE_FLAG.EXEC : IMAGE_FLAG.FILE))) return { outcome: 'passed' };
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
  return conclude(hits, image.head('posture', isProcess ? FAMILY.PROCESS : FAMILY.FILE));
}
