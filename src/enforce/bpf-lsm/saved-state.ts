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
    const state = JSON.parse(readFileSync(path, 'utf8')) as SavedState;
    return state.schemaVersion === 1 && Array.isArray(state.images) && Array.isArray(state.scopes) ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the saved state as a whole. Throws what the file system throws; the old state then stays. */
export function saveState(path: string, state: SavedState): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify(state), { mode: 0o600 });
  renameSync(fresh, path);
}
