// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { isMap } from '#policy';

type Json = Readonly<Record<string, unknown>>;

/**
 * The JSON merge patch that makes one value of another: what is gone is null. In neither is anything null or undefined.
 *
 * @returns undefined where nothing differs
 * @source RFC 7396
 */
export function mergePatch(before: unknown, after: Json): Json | undefined {
  const patch: Record<string, unknown> = {};
  const old = isMap(before) ? before : {};
  for (const key of Object.keys(old)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const known = Object.hasOwn(old, key) ? old[key] : undefined;
    if (isDeepStrictEqual(value, known)) continue;
    patch[key] = isMap(value) && isMap(known) ? mergePatch(known, value) : value;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}
