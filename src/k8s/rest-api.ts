// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { ClusterAccess } from './access.ts';
import type { Kind, KubeApi, KubeObject, ObjectRef, Selection, WatchChange, WriteOptions } from './api.ts';
import type { Pauses } from './backoff.ts';
import { Caller } from './caller.ts';
import type { Retries } from './caller.ts';
import { PodClient } from './pod-streams.ts';
import type { PodStreams } from './pod-streams.ts';
import { readObject, recordOf, textOf } from './read-object.ts';
import { reflect } from './reflect.ts';
import { queryText, resourcePath, writeQuery } from './resource-path.ts';
import { isGone, statusOf } from './status-error.ts';
import { Transport } from './transport.ts';
import type { ApiRequest } from './transport.ts';
import { readWatch } from './watch-stream.ts';
import type { WatchEvent } from './watch-stream.ts';

export interface KubeApiOptions {
  readonly access: ClusterAccess;
  /** Who asks, for the server's audit log: `kubearmor-agent/1.2.3`. */
  readonly userAgent: string;
  /** For the head of an answer, and again for its body. Default 30,000. */
  readonly timeoutMs?: number;
  /** How often a call is tried, in all. Default 5. */
  readonly tries?: number;
  /** Between tries of a call; default 250 ms to 5 s. */
  readonly pauses?: Pauses;
  /** Between tries of a watch; default 500 ms to 30 s. */
  readonly watchPauses?: Pauses;
  /** A watch that says nothing for so long is begun anew. Default 150,000: bookmarks come about once a minute. */
  readonly silentMs?: number;
  /** The server ends a watch after a time between these, so that watches of many clients do not end together. Default 240 to 480. */
  readonly watchSeconds?: { readonly min: number; readonly max: number };
}

const PAGE_OBJECTS = 500;
/** A page of 500 objects of 250 KiB: more is not ours to hold. */
const ANSWER_MAX_BYTES = 128 * 1024 * 1024;
/** A list whose next page is no longer remembered begins anew; so often. */
const LIST_TRIES = 3;
const ONCE: Retries = { tries: 1, pauses: { firstMs: 1, maxMs: 1 } };

interface Listed {
  readonly objects: readonly KubeObject[];
  readonly version: string;
}

/**
 * Opens the real API server. Nothing is sent until the first call; dispose closes the connections.
 *
 * @source Kubernetes, “API Concepts”: efficient detection of changes, retrieving large result sets in chunks, server-side apply
 */
export function openKubeApi(options: KubeApiOptions): KubeApi & { readonly pods: PodStreams } & Disposable {
  return new RestKubeApi(options);
}

class RestKubeApi implements KubeApi, Disposable {
  readonly pods: PodStreams;
  readonly #transport: Transport;
  readonly #caller: Caller;
  readonly #watchPauses: Pauses;
  readonly #silentMs: number;
  readonly #watchSeconds: { readonly min: number; readonly max: number };

  constructor(options: KubeApiOptions) {
    const { access, userAgent, timeoutMs = 30_000, tries = 5, pauses = { firstMs: 250, maxMs: 5_000 } } = options;
    this.#transport = new Transport(access, { userAgent, timeoutMs, answerMaxBytes: ANSWER_MAX_BYTES });
    this.#caller = new Caller(this.#transport, { tries, pauses });
    this.pods = new PodClient(this.#transport, this.#caller);
    this.#watchPauses = options.watchPauses ?? { firstMs: 500, maxMs: 30_000 };
    this.#silentMs = options.silentMs ?? 150_000;
    this.#watchSeconds = options.watchSeconds ?? { min: 240, max: 480 };
  }

  async get(kind: Kind, ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined> {
    const doing = `reading ${shown(kind, ref)}`;
    try {
      return readObject(kind, await this.#caller.ask({ method: 'GET', path: resourcePath(kind, ref), doing, signal }), doing, true);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  async list(kind: Kind, selection: Selection = {}, signal?: AbortSignal): Promise<readonly KubeObject[]> {
    for (let tries = 1; ; tries++) {
      try {
        return (await this.#listAll(kind, selection, { signal })).objects;
      } catch (error) {
        if (!isGone(error) || tries >= LIST_TRIES) throw error;
      }
    }
  }

  create(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const path = resourcePath(kind, { namespace: object.metadata.namespace }) + writeQuery(options);
    return this.#write(kind, { method: 'POST', path, doing: `creating ${shown(kind, object.metadata)}`, body: object }, options);
  }

  apply(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const path = resourcePath(kind, object.metadata, options.subresource) + writeQuery(options, true);
    const { managedFields: _, ...metadata } = object.metadata; // the server refuses an apply that brings them
    const doing = `applying ${shown(kind, object.metadata)}`;
    return this.#write(
      kind,
      { method: 'PATCH', path, doing, body: { ...object, metadata }, contentType: 'application/apply-patch+yaml' },
      options,
    );
  }

  patch(kind: Kind, ref: ObjectRef, body: unknown, options: WriteOptions): Promise<KubeObject> {
    const path = resourcePath(kind, ref, options.subresource) + writeQuery(options);
    const doing = `patching ${shown(kind, ref)}`;
    return this.#write(kind, { method: 'PATCH', path, doing, body, contentType: 'application/merge-patch+json' }, options);
  }

  replace(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const path = resourcePath(kind, object.metadata, options.subresource) + writeQuery(options);
    return this.#write(kind, { method: 'PUT', path, doing: `replacing ${shown(kind, object.metadata)}`, body: object }, options);
  }

  async delete(kind: Kind, ref: ObjectRef, options: { readonly uid?: string; readonly signal?: AbortSignal } = {}): Promise<boolean> {
    const { uid, signal } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    try {
      await this.#caller.ask({ method: 'DELETE', path: resourcePath(kind, ref), doing: `deleting ${shown(kind, ref)}`, body, signal });
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw error;
    }
  }

  watch(kind: Kind, selection: Selection, signal: AbortSignal): AsyncIterable<WatchChange> {
    const source = {
      list: () => this.#listAll(kind, selection, { signal, retries: ONCE }),
      follow: (version: string) => this.#follow(kind, selection, version, signal),
    };
    return reflect(source, this.#watchPauses, signal);
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #write(kind: Kind, request: ApiRequest, { signal }: WriteOptions): Promise<KubeObject> {
    return readObject(kind, await this.#caller.ask({ ...request, signal }), request.doing, true);
  }

  async #listAll(
    kind: Kind,
    selection: Selection,
    { signal, retries }: { signal?: AbortSignal | undefined; retries?: Retries },
  ): Promise<Listed> {
    const doing = `listing ${kind.plural}`;
    const objects: KubeObject[] = [];
    let page: string | undefined;
    for (;;) {
      const query = queryText({ ...selectors(selection), limit: String(selection.atMost ?? PAGE_OBJECTS), continue: page });
      const path = resourcePath(kind, { namespace: selection.namespace }) + query;
      const answer = await this.#caller.ask({ method: 'GET', path, doing, signal }, retries);
      const items = Array.isArray(answer['items']) ? answer['items'] : [];
      for (const item of items) objects.push(readObject(kind, item, doing, selection.managedFields));
      const meta = recordOf(answer, 'metadata');
      page = textOf(meta, 'continue') ?? '';
      if (page === '' || selection.atMost !== undefined) return { objects, version: versionOf(meta, doing) };
    }
  }

  async *#follow(kind: Kind, selection: Selection, version: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const doing = `watching ${kind.plural}`;
    const { min, max } = this.#watchSeconds;
    const seconds = min + Math.floor(Math.random() * (max - min));
    const query = queryText({
      ...selectors(selection),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(seconds),
    });
    const path = resourcePath(kind, { namespace: selection.namespace }) + query;
    const response = await this.#caller.stream({ method: 'GET', path, doing, signal });
    const stop = (): void => void response.destroy();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      yield* readWatch(response, { kind, doing, silentMs: this.#silentMs, managedFields: selection.managedFields ?? false });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

function versionOf(meta: Record<string, unknown>, doing: string): string {
  const version = textOf(meta, 'resourceVersion') ?? '';
  if (version !== '') return version;
  throw new KubeArmorError('API_UNREACHABLE', `${doing}: a list without a resource version: is there an API server at that address?`);
}

function selectors({ labelSelector, fieldSelector }: Selection): Record<string, string | undefined> {
  return { labelSelector, fieldSelector };
}

function shown({ plural }: Kind, { name, namespace }: ObjectRef): string {
  return namespace === undefined ? `${plural} "${name}"` : `${plural} "${namespace}/${name}"`;
}
