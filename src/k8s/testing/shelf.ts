// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { KubeArmorError } from '#base';
import type { KubeObject, ObjectMeta, ObjectRef } from '../api.ts';
import type { Watcher } from './watcher.ts';

/** What the server gives an object. */
export interface Stamper {
  version(): string;
  uid(): string;
  time(): string;
}

/** All objects of one kind in the fake, and who follows them. */
export class Shelf {
  readonly watchers = new Set<Watcher>();
  /** What each manager applied last, by object and manager. */
  readonly applied = new Map<string, unknown>();
  /** The server does not have this kind. */
  hidden = false;
  /** Watches are told nothing: they are lost. */
  silent = false;
  readonly #objects = new Map<string, KubeObject>();
  readonly #stamper: Stamper;

  constructor(stamper: Stamper) {
    this.#stamper = stamper;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  all(): KubeObject[] {
    return [...this.#objects.values()];
  }

  /** @returns the object as the server keeps it: the one before where nothing changes */
  store(object: KubeObject): KubeObject {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before !== undefined && isDeepStrictEqual(withoutStamps(before), withoutStamps(object))) return before;
    const stored = this.stamped(before, object);
    this.#objects.set(key, stored);
    if (isGone(stored)) this.drop(key);
    else this.#tell(key, stored);
    return stored;
  }

  /** Deletes; an object with finalizers is only marked. */
  expel(key: string, object: KubeObject): void {
    if ((object.metadata.finalizers ?? []).length === 0) this.drop(key);
    else if (object.metadata.deletionTimestamp === undefined)
      this.store({ ...object, metadata: { ...object.metadata, deletionTimestamp: this.#stamper.time() } });
  }

  drop(key: string): void {
    if (!this.#objects.delete(key)) return;
    this.#stamper.version();
    for (const applier of this.applied.keys()) if (applier.startsWith(`${key} `)) this.applied.delete(applier);
    this.#tell(key, undefined);
  }

  /** The object with what the server sets; generation counts changes of all but status and metadata. */
  stamped(before: KubeObject | undefined, after: KubeObject): KubeObject {
    const version = this.#stamper.version();
    if (before === undefined) return { ...after, metadata: { ...this.#born(after.metadata), resourceVersion: version } };
    const { uid, creationTimestamp, generation = 1 } = this.#born(before.metadata);
    const changes = isDeepStrictEqual(specOf(before), specOf(after)) ? 0 : 1;
    return {
      ...after,
      metadata: { ...after.metadata, uid, creationTimestamp, generation: generation + changes, resourceVersion: version },
    };
  }

  #born(metadata: ObjectMeta): ObjectMeta & { uid: string; creationTimestamp: string } {
    const { uid = this.#stamper.uid(), creationTimestamp = this.#stamper.time(), generation = 1 } = metadata;
    return { ...metadata, uid, creationTimestamp, generation };
  }

  /** Tells one watch all there is. */
  sync(watcher: Watcher): void {
    watcher.sync(this.#objects);
  }

  /** Watches are told that the server is lost, then nothing until `recover`. */
  lose(cause: KubeArmorError): void {
    if (!this.silent) for (const watcher of this.watchers) watcher.tell({ kind: 'lost', cause });
    this.silent = true;
  }

  /** Watches are told all there is. */
  recover(): void {
    this.silent = false;
    for (const watcher of this.watchers) watcher.sync(this.#objects);
  }

  #tell(key: string, object: KubeObject | undefined): void {
    if (!this.silent) for (const watcher of this.watchers) watcher.notice(key, object);
  }
}

/** An object's place on its shelf. */
export function keyOf({ namespace, name }: Pick<ObjectRef, 'namespace' | 'name'>): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function isGone({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
}

function specOf(object: KubeObject): unknown {
  return { ...object, metadata: undefined, status: undefined };
}

const STAMPS: readonly string[] = ['uid', 'resourceVersion', 'generation', 'creationTimestamp'];

function withoutStamps(object: KubeObject): unknown {
  const metadata = Object.fromEntries(Object.entries(object.metadata).filter(([field]) => !STAMPS.includes(field)));
  return { ...object, metadata };
}
