// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { KubeObject, WatchChange } from './api.ts';
import { pause, pauseMs } from './backoff.ts';
import type { Pauses } from './backoff.ts';
import { askedPauseMs, isGone, statusOf } from './status-error.ts';
import type { WatchEvent } from './watch-stream.ts';

/** What can be listed, and followed from a version on. */
export interface Source {
  list(signal: AbortSignal): Promise<{ readonly objects: readonly KubeObject[]; readonly version: string }>;
  /** Ends when the server ends it, or when it is cut. */
  follow(version: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

/** A stream that lived for so long was a good one: what comes after it is a new failure, not the next. */
const GOOD_MS = 5_000;
/** One failed try to go on is no gap: API servers restart one by one behind one address. */
const TRIES_BEFORE_LOST = 2;

/** Follows a source until aborted, as `KubeApi.watch` says. */
export async function* reflect(source: Source, pauses: Pauses, signal: AbortSignal): AsyncGenerator<WatchChange> {
  const progress: Progress = { version: undefined, failures: 0, isLost: false };
  while (!signal.aborted) {
    let askedMs = 0;
    try {
      yield* followOnce(source, progress, signal);
    } catch (error) {
      if (signal.aborted) return;
      askedMs = askedPauseMs(error);
      const change = takeIn(error, progress);
      if (change !== undefined) yield change;
    }
    if (progress.failures > 0) await pause(Math.max(askedMs, pauseMs(pauses, progress.failures)), signal);
  }
}

interface Progress {
  /** Where to go on; undefined: list. */
  version: string | undefined;
  /** In a row. */
  failures: number;
  isLost: boolean;
}

async function* followOnce(source: Source, progress: Progress, signal: AbortSignal): AsyncGenerator<WatchChange> {
  if (progress.version === undefined) {
    const { objects, version } = await source.list(signal);
    progress.version = version;
    progress.isLost = false;
    yield { kind: 'synced', objects };
  }
  const startedMs = performance.now();
  let told = 0;
  for await (const event of source.follow(progress.version, signal)) {
    if (signal.aborted) return;
    progress.version = event.version;
    told++;
    progress.failures = 0;
    if (event.kind !== 'bookmark') yield { kind: event.kind, object: event.object };
  }
  // A server that takes a watch and ends it at once would otherwise be asked without a pause.
  progress.failures = told > 0 || performance.now() - startedMs > GOOD_MS ? 0 : progress.failures + 1;
}

/** What an error means for where to go on; the change to tell, if there is one. */
function takeIn(error: unknown, progress: Progress): WatchChange | undefined {
  if (!(error instanceof KubeArmorError)) throw error;
  progress.failures++;
  if (isGone(error)) {
    progress.version = undefined;
    return undefined;
  }
  // Not 404, 401, 403: those do not pass by themselves in a moment.
  const mayPass = error.code === 'API_UNREACHABLE' && statusOf(error) !== 404;
  if (progress.isLost || (mayPass && progress.failures < TRIES_BEFORE_LOST)) return undefined;
  progress.version = undefined;
  progress.isLost = true;
  return { kind: 'lost', cause: error };
}
