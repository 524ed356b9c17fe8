// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { ErrorCode } from '#base';
import type { Kind, KubeApi, KubeObject, ObjectRef, Selection, WatchChange, WriteOptions } from '../api.ts';
import { applyOver, mergePatch } from './merge.ts';
import { isRecord, isSelected } from './selector.ts';
import { keyOf, Shelf } from './shelf.ts';
import type { Stamper } from './shelf.ts';
import { Watcher } from './watcher.ts';

export type FakeVerb = 'get' | 'list' | 'create' | 'apply' | 'patch' | 'replace' | 'delete' | 'watch';

/** A call that a test may look at. */
export interface FakeCall {
  readonly verb: FakeVerb;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: 'status' | undefined;
  readonly fieldManager: string | undefined;
  readonly body: unknown;
}

export interface FakeApiOptions {
  /** Milliseconds since 1970, for creation and deletion times. Default: one second later at each look. */
  readonly now?: () => number;
}

interface Asked {
  readonly ref: { readonly name?: string | undefined; readonly namespace?: string | undefined };
  readonly signal?: AbortSignal | undefined;
  readonly options?: WriteOptions;
  readonly body?: unknown;
}

interface Written {
  readonly ref: ObjectRef;
  readonly options: WriteOptions;
  readonly body: unknown;
}

type Make = (shelf: Shelf, before: KubeObject | undefined) => KubeObject;

/**
 * An API server in memory, for tests: resource versions, generations, uids, conflicts, finalizers, selectors, the status subresource
 * (every kind has one: a write of the object leaves the status, and the other way round), dry runs, server-side apply.
 *
 * It has no schemas, admission, defaults, RBAC or garbage collection, knows every kind until `hide`, and every namespace.
 */
export class FakeKubeApi implements KubeApi {
  /** Every call so far, in order; refused ones too. */
  readonly calls: FakeCall[] = [];
  readonly #shelves = new Map<string, Shelf>();
  readonly #refusals: { readonly matches: (call: FakeCall) => boolean; readonly error: KubeArmorError }[] = [];
  readonly #stamper: Stamper;
  #away: KubeArmorError | undefined;

  constructor(options: FakeApiOptions = {}) {
    let fakeMs = Date.parse('2026-01-01T00:00:00Z');
    const now = options.now ?? (() => (fakeMs += 1000));
    let version = 100;
    let uids = 0;
    this.#stamper = {
      version: () => String(++version),
      uid: () => `00000000-0000-4000-8000-${String(++uids).padStart(12, '0')}`,
      time: () => new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    };
  }

  /** Puts an object there as it is, status and all, as if somebody else had written it; watches are told. */
  seed(kind: Kind, object: KubeObject): KubeObject {
    return structuredClone(this.#shelf(kind).store(structuredClone(object)));
  }

  /** Takes an object away at once, finalizers or not, as if somebody else had; watches are told. */
  remove(kind: Kind, ref: ObjectRef): void {
    this.#shelf(kind).drop(keyOf(ref));
  }

  /** The next call that matches throws this. */
  refuseNext(matches: (call: FakeCall) => boolean, code: ErrorCode, message: string): void {
    this.#refusals.push({ matches, error: new KubeArmorError(code, message) });
  }

  /** The server is away: calls throw `API_UNREACHABLE`, watches are told that it is lost. */
  goAway(): void {
    this.#away = new KubeArmorError('API_UNREACHABLE', 'calling the API server: connection refused');
    for (const shelf of this.#shelves.values()) shelf.lose(this.#away);
  }

  /** The server is there again: watches are told all there is. */
  comeBack(): void {
    this.#away = undefined;
    for (const shelf of this.#shelves.values()) if (!shelf.hidden) shelf.recover();
  }

  /** Every watch is lost and starts anew, as after a cut that could not be mended at once. */
  cutWatches(): void {
    const cause = new KubeArmorError('API_UNREACHABLE', 'watching: the connection was cut');
    for (const shelf of this.#shelves.values()) shelf.lose(cause);
    this.expireWatches();
  }

  /** Watches are told nothing, not even that they are lost, until `expireWatches` or `comeBack`. */
  holdWatches(): void {
    for (const shelf of this.#shelves.values()) shelf.silent = true;
  }

  /** The server forgot where watches were (410 Gone): each is told all there is, without a word of loss. */
  expireWatches(): void {
    if (this.#away === undefined) this.comeBack();
  }

  /** The server does not have this kind (its CRD is missing), until `show`. */
  hide(kind: Kind): void {
    this.#shelf(kind).hidden = true;
    this.#shelf(kind).lose(missingKind(kind));
  }

  show(kind: Kind): void {
    this.#shelf(kind).hidden = false;
    if (this.#away === undefined) this.#shelf(kind).recover();
  }

  /** Resolves when every watch's follower has taken all it was told, and asks for more. */
  async drained(): Promise<void> {
    await Promise.all(this.#watchers().map((watcher) => watcher.idle()));
  }

  /** How many watches are followed now. */
  get watching(): number {
    return this.#watchers().length;
  }

  get(kind: Kind, ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined> {
    return this.#answer('get', kind, { ref, signal }, (shelf) => (shelf.hidden ? undefined : shelf.get(keyOf(ref))));
  }

  list(kind: Kind, selection: Selection = {}, signal?: AbortSignal): Promise<readonly KubeObject[]> {
    const ref = { name: undefined, namespace: selection.namespace };
    return this.#answer('list', kind, { ref, signal }, (shelf) => {
      if (shelf.hidden) throw missingKind(kind);
      return shelf
        .all()
        .filter((object) => isSelected(selection, object))
        .slice(0, selection.atMost);
    });
  }

  create(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    return this.#write('create', kind, { ref: object.metadata, body: object, options }, (_, before) => {
      if (before !== undefined) throw conflict(kind, object.metadata, 'already exists');
      return object;
    });
  }

  apply(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    return this.#write('apply', kind, { ref: object.metadata, body: object, options }, (shelf, before) => {
      const applier = `${keyOf(object.metadata)} ${options.subresource ?? ''} ${options.fieldManager}`;
      const applied = shelf.applied.get(applier);
      if (options.dryRun !== true) shelf.applied.set(applier, structuredClone(object));
      return asObject(applyOver(before ?? {}, applied, object));
    });
  }

  patch(kind: Kind, ref: ObjectRef, body: unknown, options: WriteOptions): Promise<KubeObject> {
    return this.#write('patch', kind, { ref, body, options }, (_, before) => {
      if (before === undefined) throw conflict(kind, ref, 'not found');
      return asObject(mergePatch(before, body));
    });
  }

  replace(kind: Kind, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    return this.#write('replace', kind, { ref: object.metadata, body: object, options }, (_, before) => {
      if (before === undefined) throw conflict(kind, object.metadata, 'not found');
      return object;
    });
  }

  delete(kind: Kind, ref: ObjectRef, options: { readonly uid?: string; readonly signal?: AbortSignal } = {}): Promise<boolean> {
    return this.#answer('delete', kind, { ref, signal: options.signal }, (shelf) => {
      const before = shelf.hidden ? undefined : shelf.get(keyOf(ref));
      if (before === undefined) return false;
      if (options.uid !== undefined && before.metadata.uid !== options.uid) throw conflict(kind, ref, 'has another uid');
      shelf.expel(keyOf(ref), before);
      return true;
    });
  }

  async *watch(kind: Kind, selection: Selection, signal: AbortSignal): AsyncGenerator<WatchChange> {
    if (signal.aborted) return;
    const shelf = this.#shelf(kind);
    this.calls.push(callOf('watch', kind, { ref: { namespace: selection.namespace }, body: selection }));
    const watcher = new Watcher(selection);
    const close = (): void => watcher.close();
    signal.addEventListener('abort', close, { once: true });
    shelf.watchers.add(watcher);
    const cause = this.#away ?? (shelf.hidden ? missingKind(kind) : undefined);
    if (cause === undefined) shelf.sync(watcher);
    else watcher.tell({ kind: 'lost', cause });
    try {
      yield* watcher.follow();
    } finally {
      shelf.watchers.delete(watcher);
      signal.removeEventListener('abort', close);
      watcher.close();
    }
  }

  #shelf(kind: Kind): Shelf {
    const id = `${kind.group}/${kind.version}/${kind.plural}`;
    const found = this.#shelves.get(id) ?? new Shelf(this.#stamper);
    if (this.#away !== undefined) found.silent = true;
    this.#shelves.set(id, found);
    return found;
  }

  #watchers(): Watcher[] {
    return [...this.#shelves.values()].flatMap((shelf) => [...shelf.watchers]);
  }

  async #answer<T>(verb: FakeVerb, kind: Kind, asked: Asked, act: (shelf: Shelf) => T): Promise<T> {
    const call = callOf(verb, kind, asked);
    await Promise.resolve(); // as with a real server, nothing has happened yet when the call returns
    asked.signal?.throwIfAborted();
    this.calls.push(call);
    if (this.#away !== undefined) throw this.#away;
    const index = this.#refusals.findIndex(({ matches }) => matches(call));
    const [refusal] = index < 0 ? [] : this.#refusals.splice(index, 1);
    if (refusal !== undefined) throw refusal.error;
    return structuredClone(act(this.#shelf(kind)));
  }

  #write(verb: FakeVerb, kind: Kind, asked: Written, make: Make): Promise<KubeObject> {
    const { ref, options, body } = asked;
    return this.#answer(verb, kind, { ...asked, signal: options.signal }, (shelf) => {
      const before = shelf.get(keyOf(ref));
      if (shelf.hidden) throw conflict(kind, ref, 'the server does not have this kind');
      if (options.subresource !== undefined && before === undefined) throw conflict(kind, ref, 'not found');
      const version = versionIn(body);
      if (before !== undefined && verb !== 'create' && version !== undefined && version !== before.metadata.resourceVersion)
        throw conflict(kind, ref, 'the object has been modified');
      const after = onlyThePart(before, structuredClone(make(shelf, before)), options.subresource);
      return options.dryRun === true ? shelf.stamped(before, after) : shelf.store(after);
    });
  }
}

function callOf(verb: FakeVerb, kind: Kind, { ref, options, body }: Asked): FakeCall {
  if (!kind.namespaced && ref.namespace !== undefined) throw new Error(`${verb}: ${kind.plural} have no namespace`);
  const isOfMany = verb === 'list' || verb === 'watch';
  if (kind.namespaced && ref.namespace === undefined && !isOfMany) throw new Error(`${verb}: ${kind.plural} need a namespace`);
  return {
    verb,
    plural: kind.plural,
    namespace: ref.namespace,
    name: ref.name,
    subresource: options?.subresource,
    fieldManager: options?.fieldManager,
    body: structuredClone(body),
  };
}

/** A write of the object leaves the status, a write of the status leaves all else. */
function onlyThePart(before: KubeObject | undefined, after: KubeObject, subresource: 'status' | undefined): KubeObject {
  const { status: statusAfter, ...rest } = after;
  const [base, status] = subresource === undefined ? [rest, before?.['status']] : [before ?? rest, statusAfter];
  const { status: _, ...withoutStatus } = base;
  return asObject(status === undefined ? withoutStatus : { ...withoutStatus, status });
}

function asObject(value: unknown): KubeObject {
  const problem = 'the object needs apiVersion, kind and metadata.name';
  if (!isRecord(value) || !isRecord(value['metadata'])) throw new KubeArmorError('API_INVALID', problem);
  const { apiVersion, kind, metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw new KubeArmorError('API_INVALID', problem);
  const { name, namespace, ...other } = metadata;
  if (typeof name !== 'string') throw new KubeArmorError('API_INVALID', problem);
  return { ...value, apiVersion, kind, metadata: { ...other, name, ...(typeof namespace === 'string' ? { namespace } : {}) } };
}

function versionIn(body: unknown): string | undefined {
  const version = isRecord(body) && isRecord(body['metadata']) ? body['metadata']['resourceVersion'] : undefined;
  return typeof version === 'string' ? version : undefined;
}

function conflict(kind: Kind, { name }: ObjectRef, why: string): KubeArmorError {
  return new KubeArmorError('API_CONFLICT', `writing ${kind.plural} "${name}": ${why}`);
}

function missingKind(kind: Kind): KubeArmorError {
  const message = `asking for ${kind.plural}: the API server does not have this kind`;
  return new KubeArmorError('API_UNREACHABLE', message, { context: { status: 404 } });
}
