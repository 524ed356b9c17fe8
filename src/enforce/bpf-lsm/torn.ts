// SPDX-License-Identifier: Apache-2.0
import { renameSync } from 'node:fs';
import { removePins } from './pins.ts';

/** What a folder of pins has of its programs. */
export interface PinnedLinks {
  /** Ids of all links that its agent made, as the kernel programs know them. */
  readonly made: readonly number[];
  /** Ids of those that are pinned there. */
  readonly pinned: readonly number[];
}

/** Whether a program is not attached any more: nobody holds its link. Whoever took these programs over would enforce without it. */
export function isTorn({ made, pinned }: PinnedLinks): boolean {
  const held = new Set(pinned);
  return made.some((id) => !held.has(id));
}

/** The BPF file system refuses names with a dot. */
const TORN = '-torn';

/**
 * Moves a folder of pins out of the way of programs of the same version: they are attached beside it, as beside another version, and it is
 * dropped when these have all tasks. So what is left of it is in force meanwhile.
 */
export function setAside(directory: string): void {
  const aside = `${directory}${TORN}`;
  // of an agent that did not come that far; what is torn now is as good
  removePins(aside);
  renameSync(directory, aside);
}
