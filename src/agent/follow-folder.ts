// SPDX-License-Identifier: Apache-2.0
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** How long a change may go on before it is looked at: editors and copies write in steps. Default 150. */
  readonly settleMs?: number;
  /** How often it is looked at although nothing was told: network file systems tell nothing. Default 30,000. */
  readonly everyMs?: number;
}

/** Calls `look` once, and again after every change in a folder, until aborted. Never two at a time. */
export async function followFolder(directory: string, look: () => Promise<void>, options: FollowOptions): Promise<void> {
  const { signal, settleMs = 150, everyMs = 30_000 } = options;
  while (!signal.aborted) {
    const changed = new AbortController();
    // Watched anew each time, before looking: a folder that was replaced would tell nothing any more.
    const watcher = open(directory, () => changed.abort());
    await look();
    await sleep(everyMs, undefined, { signal: AbortSignal.any([signal, changed.signal]) }).catch(() => {});
    await sleep(settleMs, undefined, { signal }).catch(() => {});
    watcher?.close();
  }
}

function open(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false });
    watcher.on('change', onChange);
    watcher.on('error', onChange);
    return watcher;
  } catch {
    return undefined; // not there (yet), or no watches left: then it is looked at every so often
  }
}
