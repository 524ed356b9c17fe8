// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, Selection, WatchChange } from '../api.ts';
import { isSelected } from './selector.ts';

/** One follower of a kind in the fake: what it is still to be told, in order. */
export class Watcher {
  readonly selection: Selection;
  readonly #queue: WatchChange[] = [];
  readonly #told = new Map<string, KubeObject>();
  #wake = Promise.withResolvers<void>();
  #idle = Promise.withResolvers<void>();
  #waiting = false;
  #closed = false;

  constructor(selection: Selection) {
    this.selection = selection;
  }

  /** Takes an object that was written; undefined where it is gone. */
  notice(key: string, object: KubeObject | undefined): void {
    const before = this.#told.get(key);
    if (object === undefined || !isSelected(this.selection, object)) {
      if (before === undefined) return;
      this.#told.delete(key);
      this.tell({ kind: 'deleted', object: object ?? before });
      return;
    }
    this.#told.set(key, object);
    this.tell({ kind: before === undefined ? 'added' : 'modified', object });
  }

  /** Tells everything there is. */
  sync(objects: ReadonlyMap<string, KubeObject>): void {
    this.#told.clear();
    for (const [key, object] of objects) if (isSelected(this.selection, object)) this.#told.set(key, object);
    this.tell({ kind: 'synced', objects: [...this.#told.values()] });
  }

  tell(change: WatchChange): void {
    // Not the errors: cloning would cost them their class.
    this.#queue.push(change.kind === 'lost' ? change : structuredClone(change));
    if (this.#waiting) this.#idle = Promise.withResolvers();
    this.#waiting = false;
    this.#wake.resolve();
  }

  close(): void {
    this.#closed = true;
    this.#wake.resolve();
    this.#idle.resolve();
  }

  /** Resolves when the follower has taken everything and asks for more. */
  idle(): Promise<void> {
    return this.#idle.promise;
  }

  async *follow(): AsyncGenerator<WatchChange> {
    while (!this.#closed) {
      const change = this.#queue.shift();
      if (change !== undefined) {
        yield change;
        continue;
      }
      this.#wake = Promise.withResolvers();
      this.#waiting = true;
      this.#idle.resolve();
      await this.#wake.promise;
    }
  }
}
