// SPDX-License-Identifier: Apache-2.0
import type { Kind, KubeApi, Selection, WatchChange } from '#k8s';
import { until } from '../vm/running.ts';

/** Follows a kind and keeps a word for each change: `synced a b`, `added a`, `lost API_REFUSED`. */
export class Follower implements AsyncDisposable {
  readonly told: string[] = [];
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(api: KubeApi, kind: Kind, selection: Selection) {
    this.#ended = this.#follow(api.watch(kind, selection, this.#stop.signal));
  }

  /** Waits for the next change of which this is the beginning, and forgets it and all before it. */
  async next(word: string): Promise<readonly string[]> {
    const index = (): number => this.told.findIndex((told) => told.startsWith(word));
    try {
      await until(`a watch tells "${word}"`, () => index() >= 0, 90_000);
    } catch (cause) {
      throw new Error(`the watch did not tell "${word}", but: ${this.told.join(', ')}`, { cause });
    }
    return this.told.splice(0, index() + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #follow(changes: AsyncIterable<WatchChange>): Promise<void> {
    for await (const change of changes) this.told.push(wordOf(change));
  }
}

function wordOf(change: WatchChange): string {
  if (change.kind === 'lost') return `lost ${change.cause.code}`;
  if (change.kind !== 'synced') return `${change.kind} ${change.object.metadata.name}`;
  const names = change.objects.map(({ metadata }) => metadata.name).filter((name) => !name.startsWith('kube-'));
  return ['synced', ...names].join(' ');
}
