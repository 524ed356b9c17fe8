// SPDX-License-Identifier: Apache-2.0
import type { AgentPlace, AgentSource } from './agent-source.ts';
import { AgentReader } from './agent-reader.ts';
import type { ReaderOptions } from './agent-reader.ts';

export interface FanInStats {
  readonly agents: number;
  readonly connected: number;
}

interface Reading {
  readonly place: AgentPlace;
  readonly reader: AgentReader;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Reads every agent there is into one feed. */
export class FanIn {
  readonly #options: ReaderOptions;
  readonly #readings = new Map<string, Reading>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Until aborted. @throws what is a bug in a reader */
  async run(source: AgentSource, signal: AbortSignal): Promise<void> {
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => {});
    const follow = async (): Promise<void> => {
      for await (const places of source.watch(signal)) await this.#follow(places, broken.reject);
    };
    try {
      await Promise.race([follow(), broken.promise]);
    } finally {
      await this.#follow([], () => {});
    }
  }

  stats(): FanInStats {
    const readers = [...this.#readings.values()];
    return { agents: readers.length, connected: readers.filter(({ reader }) => reader.isConnected).length };
  }

  async #follow(places: readonly AgentPlace[], fail: (error: unknown) => void): Promise<void> {
    const wanted = new Map(places.map((place) => [place.key, place]));
    const gone = [...this.#readings].filter(([key, { place }]) => wanted.get(key)?.address !== place.address);
    for (const [key, { stop }] of gone) {
      stop.abort();
      this.#readings.delete(key);
    }
    await Promise.all(gone.map(([, { done }]) => done.catch(() => {})));
    for (const place of wanted.values()) if (!this.#readings.has(place.key)) this.#start(place, fail);
  }

  #start(place: AgentPlace, fail: (error: unknown) => void): void {
    const stop = new AbortController();
    const reader = new AgentReader(place, this.#options);
    const done = reader.run(stop.signal);
    done.catch(fail);
    this.#readings.set(place.key, { place, reader, stop, done });
  }
}
