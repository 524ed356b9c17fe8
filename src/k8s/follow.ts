// SPDX-License-Identifier: Apache-2.0
import type { Kind, KubeApi, KubeObject, Selection } from './api.ts';

/** Where the objects of one kind are told. */
export interface Following {
  /** An object as it is now. @param wasWatched whether what came before it would have been seen */
  put(object: KubeObject, wasWatched: boolean): void;
  remove(name: string, object: KubeObject | undefined): void;
  /** Of what is known by name now: what is not there any more after a gap is removed. */
  names(): Iterable<string>;
  nameOf?(object: KubeObject): string;
}

/** One object could not be taken in; what is known of it stays as it was. */
export type OnFailure = (object: { readonly kind: string; readonly name: string }, error: unknown) => void;

/** The kinds that are followed, and whether all of them are known as they are now. */
export class Followed {
  readonly #waiting = new Set<string>();
  readonly #onSettled: () => void;

  /** @param onSettled told when everything is known again */
  constructor(onSettled: () => void) {
    this.#onSettled = onSettled;
  }

  /** While one of them was not told yet, or is lost, nothing may be concluded. */
  get isSettled(): boolean {
    return this.#waiting.size === 0;
  }

  get waitsFor(): readonly string[] {
    return [...this.#waiting];
  }

  await(what: string): void {
    this.#waiting.add(what);
  }

  settle(what: string): void {
    if (this.#waiting.delete(what) && this.isSettled) this.#onSettled();
  }
}

/**
 * Follows the objects of a kind until aborted. Whoever writes one object must not end whoever follows it: what is thrown for one is told
 * to `onFailure`, and the next comes.
 *
 * @param followed is told of it by the kind's plural
 */
export async function follow(
  api: Pick<KubeApi, 'watch'>,
  { kind, selection, what = kind.plural }: { readonly kind: Kind; readonly selection: Selection; readonly what?: string },
  { followed, following, onFailure }: { readonly followed: Followed; readonly following: Following; readonly onFailure: OnFailure },
  signal: AbortSignal,
): Promise<void> {
  const nameOf = (object: KubeObject): string => following.nameOf?.(object) ?? object.metadata.name;
  const tell = (name: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      onFailure({ kind: kind.kind, name }, error);
    }
  };
  const put = (object: KubeObject, wasWatched: boolean): void => tell(nameOf(object), () => following.put(object, wasWatched));
  const remove = (name: string, object?: KubeObject): void => tell(name, () => following.remove(name, object));
  followed.await(what);
  for await (const change of api.watch(kind, selection, signal)) {
    switch (change.kind) {
      case 'synced': {
        const gone = new Set(following.names());
        for (const object of change.objects) {
          gone.delete(nameOf(object));
          put(object, false);
        }
        for (const name of gone) remove(name);
        followed.settle(what);
        break;
      }
      case 'added':
      case 'modified':
        put(change.object, true);
        break;
      case 'deleted':
        remove(nameOf(change.object), change.object);
        break;
      case 'lost':
        followed.await(what);
        break;
    }
  }
}
