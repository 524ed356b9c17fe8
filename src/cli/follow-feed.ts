// SPDX-License-Identifier: Apache-2.0
import { ERRORS, KubeArmorError } from '#base';
import type { Io } from './io.ts';
import { mergeStreams } from './merge-streams.ts';
import type { AgentPort, FeedItem, StreamName } from './ports.ts';

/**
 * First and longest wait between attempts; each is up to a fifth longer, so that many readers do not come back at once. An agent that
 * starts anew waits five seconds for its readers (src/agent/agent.ts).
 */
const RETRY_MS = { min: 500, max: 3_000 } as const;
const JITTER = 0.2;

export interface FollowOptions {
  readonly streams: readonly StreamName[];
  connect(): Promise<AgentPort>;
  /** The connection is gone: `why`. Once a gap, however often we try. */
  lost(why: string): void;
  /** It is back, `gapMs` later. The feed has no history: only an agent that was gone itself tells what happened in between. */
  restored(gapMs: number): void;
}

/**
 * Yields what the streams bring, over any number of connections, until `io.signal` aborts.
 *
 * @throws {KubeArmorError} when the first connection fails, or a later one in a way that trying again cannot mend
 */
export async function* followFeed(options: FollowOptions, io: Io): AsyncGenerator<FeedItem> {
  let hasConnected = false;
  let failures = 0;
  let gapFromMs: number | undefined;
  while (!io.signal.aborted) {
    let why = 'the agent ended the stream';
    try {
      using agent = await options.connect();
      await agent.ping(io.signal);
      hasConnected = true;
      if (gapFromMs !== undefined) options.restored(io.nowMs() - gapFromMs);
      gapFromMs = undefined;
      for await (const item of mergeStreams(agent, options.streams, io.signal)) {
        failures = 0;
        yield item;
      }
    } catch (error) {
      if (io.signal.aborted) return;
      if (!hasConnected || !(error instanceof KubeArmorError) || !ERRORS[error.code].retryable) throw error;
      why = error.message;
    }
    if (io.signal.aborted) return;
    if (gapFromMs === undefined) options.lost(why);
    gapFromMs ??= io.nowMs();
    await io.sleep(Math.min(RETRY_MS.min * 2 ** failures++, RETRY_MS.max) * (1 + Math.random() * JITTER));
  }
}
