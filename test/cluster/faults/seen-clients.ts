// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Kind, KubeApi, KubeObject, ObjectRef, Selection, WatchChange, WriteOptions } from '#k8s';

/** A write of a status, as a program sends it. */
export interface StatusWrite {
  readonly kind: Kind;
  readonly ref: ObjectRef;
  readonly body: unknown;
}

/** The programs' clients, seen through: which watches were lost, which writes of a status failed; and one of these can be kept waiting. */
export class SeenClients {
  /** Plurals of kinds of which a watch was lost. */
  readonly lost = new Set<string>();
  #kept: { readonly isMeant: (write: StatusWrite) => boolean; readonly go: PromiseWithResolvers<void>; count: number } | undefined;
  #failed = 0;

  /** From now on writes of this sort wait until `letGo`. */
  keep(isMeant: (write: StatusWrite) => boolean): void {
    this.#kept = { isMeant, go: Promise.withResolvers(), count: 0 };
    this.#failed = 0;
  }

  /** Writes that wait. */
  get waiting(): number {
    return this.#kept?.count ?? 0;
  }

  /** Writes that waited, and were answered with an error since. */
  get failed(): number {
    return this.#failed;
  }

  letGo(): void {
    this.#kept?.go.resolve();
    this.#kept = undefined;
  }

  through(api: KubeApi & Disposable): KubeApi & Disposable {
    return {
      get: (...given) => api.get(...given),
      list: (...given) => api.list(...given),
      create: (...given) => api.create(...given),
      apply: (...given) => api.apply(...given),
      patch: (...given) => this.#patch(api, ...given),
      replace: (...given) => api.replace(...given),
      delete: (...given) => api.delete(...given),
      watch: (...given) => this.#watch(api, ...given),
      [Symbol.dispose]: () => api[Symbol.dispose](),
    };
  }

  async #patch(api: KubeApi, ...given: [Kind, ObjectRef, unknown, WriteOptions]): Promise<KubeObject> {
    const [kind, ref, body, { subresource }] = given;
    const kept = this.#kept;
    if (kept === undefined || subresource !== 'status' || !kept.isMeant({ kind, ref, body })) return api.patch(...given);
    kept.count++;
    await kept.go.promise;
    try {
      return await api.patch(...given);
    } catch (error) {
      if (error instanceof KubeArmorError && error.code === 'API_UNREACHABLE') this.#failed++;
      throw error;
    }
  }

  async *#watch(api: KubeApi, ...given: [Kind, Selection, AbortSignal]): AsyncGenerator<WatchChange> {
    for await (const change of api.watch(...given)) {
      if (change.kind === 'lost') this.lost.add(given[0].plural);
      yield change;
    }
  }
}
