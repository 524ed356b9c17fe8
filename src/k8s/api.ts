// SPDX-License-Identifier: Apache-2.0
import type { KubeArmorError } from '#base';

/** A kind of object as the API server names it. */
export interface Kind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** @source Kubernetes API conventions, “Metadata” */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly {
    readonly manager?: string;
    readonly operation?: string;
    readonly subresource?: string;
    readonly time?: string;
  }[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** Any object. What is below `metadata` is as the server sent it: read it as untrusted data. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** One object. `namespace` for namespaced kinds. */
export interface ObjectRef {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** Which objects of a kind. */
export interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Lists and watches leave out who wrote which part, unless this is true. */
  readonly managedFields?: boolean;
  /** Of `list` alone: the first so many are enough. */
  readonly atMost?: number;
}

export type WatchChange =
  /** All there is: comes first, and again after a gap. What is not in it is gone. */
  | { readonly kind: 'synced'; readonly objects: readonly KubeObject[] }
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: KubeObject }
  /** The server is away, refuses, or lacks the kind: nothing may be concluded until the next `synced`. Told once a gap. */
  | { readonly kind: 'lost'; readonly cause: KubeArmorError };

export interface WriteOptions {
  /** Who writes, for managed fields and conflicts. */
  readonly fieldManager: string;
  readonly subresource?: 'status';
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The API server, as the rest of the product sees it.
 *
 * Every call throws `KubeArmorError`: `API_UNREACHABLE` (network, timeouts, 429 and 5xx after a few tries), `API_REFUSED` (401, 403),
 * `API_CONFLICT` (409; and 404 of a write: the object, its namespace or its kind is not there), `API_INVALID` (400, 422 and webhooks'
 * denials; the message is the server's). An aborted call throws the signal's reason.
 */
export interface KubeApi {
  /** @returns undefined where there is no such object, or no such kind */
  get(kind: Kind, ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined>;
  /** In pages; not for steady state: `watch` tells everything once and then what changes. */
  list(kind: Kind, selection?: Selection, signal?: AbortSignal): Promise<readonly KubeObject[]>;
  create(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject>;
  /** Server-side apply; takes over what another manager has (force). */
  apply(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject>;
  /** JSON merge patch. */
  patch(kind: Kind, ref: ObjectRef, body: unknown, options: WriteOptions): Promise<KubeObject>;
  /** Replaces the object; refused (`API_CONFLICT`) where `metadata.resourceVersion` is no longer that of the server. */
  replace(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject>;
  /** @returns whether there was one */
  delete(kind: Kind, ref: ObjectRef, options?: { readonly uid?: string; readonly signal?: AbortSignal }): Promise<boolean>;
  /**
   * Follows a kind until aborted; then it ends without an error. It never ends otherwise: it goes on after cut streams with the last
   * bookmark, lists again after 410, waits with growing pauses (to 30 s) while the server is away or the kind does not exist yet.
   */
  watch(kind: Kind, selection: Selection, signal: AbortSignal): AsyncIterable<WatchChange>;
}
