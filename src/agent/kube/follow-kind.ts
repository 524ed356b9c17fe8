// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { Kind, KubeApi, Selection, WatchChange } from '#k8s';

/** One kind that the agent follows. */
export interface Following {
  readonly kind: Kind;
  readonly selection: Selection;
  readonly take: (change: WatchChange) => void;
}

/** How things stand with one kind. */
export type FollowState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'current' }
  /** `since`: milliseconds since 1970. */
  | { readonly kind: 'away'; readonly since: number; readonly why: string };

/** Follows kinds of the API server and knows which of them are current. */
export class Follower {
  readonly #api: Pick<KubeApi, 'watch'>;
  readonly #logger: Logger;
  readonly #states = new Map<string, FollowState>();
  readonly #synced = new Set<string>();
  readonly #allSynced = Promise.withResolvers<void>();

  constructor(api: Pick<KubeApi, 'watch'>, logger: Logger) {
    this.#api = api;
    this.#logger = logger;
  }

  /** Until aborted. */
  async follow(followings: readonly Following[], signal: AbortSignal): Promise<void> {
    for (const { kind } of followings) this.#states.set(kind.plural, { kind: 'waiting' });
    await Promise.all(followings.map((following) => this.#followOne(following, signal)));
  }

  /** Every kind was told whole once. */
  get allSynced(): Promise<void> {
    return this.#allSynced.promise;
  }

  get isAllSynced(): boolean {
    return this.#synced.size === this.#states.size;
  }

  /** How many kinds are followed. */
  get size(): number {
    return this.#states.size;
  }

  /** Whether what is known of a kind is what the server has. */
  isCurrent({ plural }: Kind): boolean {
    return this.#states.get(plural)?.kind === 'current';
  }

  /** Kinds that are not current, with why. */
  away(): readonly { readonly plural: string; readonly since: number | undefined; readonly why: string }[] {
    return [...this.#states].flatMap(([plural, state]) => {
      if (state.kind === 'current') return [];
      return [{ plural, ...(state.kind === 'away' ? state : { since: undefined, why: 'nothing came yet' }) }];
    });
  }

  async #followOne({ kind, selection, take }: Following, signal: AbortSignal): Promise<void> {
    for await (const change of this.#api.watch(kind, selection, signal)) {
      this.#note(kind, change);
      take(change);
    }
  }

  #note({ plural }: Kind, change: WatchChange): void {
    const before = this.#states.get(plural);
    if (change.kind === 'lost') {
      const why = change.cause instanceof KubeArmorError ? change.cause.message : String(change.cause);
      this.#states.set(plural, { kind: 'away', since: before?.kind === 'away' ? before.since : Date.now(), why });
      if (before?.kind !== 'away') this.#logger.warn('the API server is away; what is known stays in force', { kind: plural, why });
      return;
    }
    if (before?.kind === 'away') this.#logger.info('the API server is back', { kind: plural });
    this.#states.set(plural, { kind: 'current' });
    this.#synced.add(plural);
    if (this.isAllSynced) this.#allSynced.resolve();
  }
}
