// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, WatchChange } from '#k8s';

/** A kind's objects as they are read, by `namespace/name`. */
export type Table<T> = Map<string, T>;

export const keyOf = ({ metadata: { namespace, name } }: KubeObject): string => `${namespace ?? ''}/${name}`;

/**
 * Takes what a watch tells.
 *
 * @param read an object, and what the table has of its name, which may be an earlier object's
 * @returns what is no longer as it was: what the table had (undefined: nothing), by key
 */
export function takeIn<T>(
  table: Table<T>,
  change: WatchChange,
  read: (object: KubeObject, before: T | undefined) => T,
): ReadonlyMap<string, T | undefined> {
  const touched = new Map<string, T | undefined>();
  const put = (object: KubeObject): void => {
    const key = keyOf(object);
    const before = table.get(key);
    const now = read(object, before);
    if (now === before) return;
    touched.set(key, before);
    table.set(key, now);
  };
  const drop = (key: string): void => {
    touched.set(key, table.get(key));
    table.delete(key);
  };
  if (change.kind === 'lost') return touched;
  if (change.kind === 'synced') {
    const present = new Set(change.objects.map(keyOf));
    for (const key of table.keys()) if (!present.has(key)) drop(key);
    change.objects.forEach(put);
  } else if (change.kind === 'deleted') drop(keyOf(change.object));
  else put(change.object);
  return touched;
}
