// SPDX-License-Identifier: Apache-2.0
import { isRecord } from './selector.ts';

/**
 * JSON merge patch: null takes a field away, objects are merged, all else is replaced.
 *
 * @source RFC 7396
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const merged: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/**
 * What server-side apply makes of an object: fields that the manager applied before and no longer does go, then what it applies now
 * is merged in. Lists are replaced whole (the server does so for atomic lists only).
 */
export function applyOver(current: unknown, before: unknown, now: unknown): unknown {
  if (!isRecord(now)) return now;
  const merged: Record<string, unknown> = isRecord(current) ? { ...current } : {};
  for (const [key, value] of Object.entries(isRecord(before) ? before : {})) {
    if (!Object.hasOwn(now, key)) merged[key] = withoutLeaves(merged[key], value);
    if (merged[key] === undefined) delete merged[key];
  }
  for (const [key, value] of Object.entries(now)) {
    merged[key] = applyOver(merged[key], isRecord(before) ? before[key] : undefined, value);
  }
  return merged;
}

function withoutLeaves(current: unknown, applied: unknown): unknown {
  if (!isRecord(current) || !isRecord(applied)) return undefined;
  const rest = { ...current };
  for (const [key, value] of Object.entries(applied)) {
    rest[key] = withoutLeaves(rest[key], value);
    if (rest[key] === undefined) delete rest[key];
  }
  return Object.keys(rest).length === 0 ? undefined : rest;
}
