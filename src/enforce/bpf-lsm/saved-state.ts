// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RuleInfo } from '#policy';
import type { EnforcerReport } from '../enforcer.ts';

/** Its file, below the state directory. */
export const STATE_FILE = 'bpf-lsm.json';

/** What an agent must know of the kernel's state to take it over: names for numbers. */
export interface SavedState {
  readonly schemaVersion: 1;
  /** Hooks that could not be attached when the programs were loaded. */
  readonly missing: EnforcerReport['missing'];
  readonly nextImageId: number;
  readonly images: readonly { id: number; slot: number; sizeClass: number; flags: number; key: string; rules: readonly RuleInfo[] }[];
  readonly scopes: readonly { number: number; key: string; cgroupId: string; imageId: number | undefined }[];
}

/** The state that was saved, or undefined where there is none that can be read. */
export function loadState(path: string): SavedState | undefined {
  try {
    return parseState(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The state that a text is, or undefined where it is none as a whole. */
export function parseState(text: string): SavedState | undefined {
  try {
    const state: unknown = JSON.parse(text);
    return isState(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const listOf =
  (isItem: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(isItem);
const fieldsAre =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' && value !== null && Object.entries(checks).every(([name, isGood]) => isGood((value as Fields)[name]));

const isRule = fieldsAre({
  id: isNumber,
  kind: isText,
  namespace: isText,
  policy: isText,
  field: isText,
  family: isText,
  action: isText,
  severity: isNumber,
  tags: listOf(isText),
  message: isText,
});
const isImage = fieldsAre({
  id: isNumber,
  slot: isNumber,
  sizeClass: (value) => value === 0 || value === 1 || value === 2,
  flags: isNumber,
  key: isText,
  rules: listOf(isRule),
});
const isScope = fieldsAre({
  number: isNumber,
  key: isText,
  cgroupId: (value) => typeof value === 'string' && /^\d+$/.test(value),
  imageId: (value) => value === undefined || isNumber(value),
});
const hasFields = fieldsAre({
  schemaVersion: (value) => value === 1,
  missing: listOf(fieldsAre({ hook: isText, reason: isText })),
  nextImageId: isNumber,
  images: listOf(isImage),
  scopes: listOf(isScope),
});
const isState = (value: unknown): value is SavedState => hasFields(value);

/** Replaces the saved state as a whole. Throws what the file system throws; the old state then stays. */
export function saveState(path: string, state: SavedState): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify(state), { mode: 0o600 });
  renameSync(fresh, path);
}
