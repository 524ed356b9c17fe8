// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, noLogger } from '#base';
import type { Logger } from '#base';
import { openContainerRoot } from '#host';
import type { ContainerRoot, ResolvedPath } from '#host';
import { resolveObject } from '#policy';
import type { PathResolver } from '#policy';
import type { BoundWorkload } from '#workloads';

/** Opens a container's root for a moment; `openContainerRoot` but for tests. */
export type OpenRoot = (rootPath: string) => ContainerRoot;

/** Paths remembered of one container: rules are at most as many. */
const REMEMBERED_MAX = 65_536;

/**
 * What the paths of rules mean inside one start of one container (semantics: “The rule's path”).
 *
 * What was looked up stays so until the container is started again: later changes of its files cannot change an answer. A policy
 * may come long after the start, so for Allow rules links count only if they are older than the container: one that the container
 * made cannot widen what an Allow rule means.
 */
export class ContainerPaths {
  readonly #rootPath: string;
  readonly #createdNs: bigint;
  readonly #openRoot: OpenRoot;
  readonly #logger: Logger;
  readonly #known = new Map<string, ResolvedPath>();
  readonly #knownBefore = new Map<string, ResolvedPath>();

  constructor(
    { rootPath, createdNs }: Pick<BoundWorkload, 'rootPath' | 'createdNs'>,
    openRoot: OpenRoot = openContainerRoot,
    logger: Logger = noLogger,
  ) {
    this.#rootPath = rootPath;
    this.#createdNs = createdNs ?? 0n; // where it is not known no link is old enough
    this.#openRoot = openRoot;
    this.#logger = logger;
  }

  /**
   * Runs `use` with a resolver for `compile`. The root is open meanwhile, and only if it is needed.
   *
   * Where it cannot be opened (its process is gone) names stay as written.
   */
  with<T>(use: (resolve: PathResolver) => T): T {
    let root: ContainerRoot | undefined;
    let tried = false;
    const lookUpWith =
      (known: Map<string, ResolvedPath>, linksBeforeNs?: bigint) =>
      (path: string): ResolvedPath => {
        const before = known.get(path);
        if (before !== undefined) return before;
        if (!tried) root = this.#open();
        tried = true;
        if (root === undefined) return { names: [path], outcome: 'missing' };
        const found = root.resolve(path, linksBeforeNs);
        if (known.size < REMEMBERED_MAX) known.set(path, found);
        return found;
      };
    const now = lookUpWith(this.#known);
    const asCreated = lookUpWith(this.#knownBefore, this.#createdNs);
    try {
      return use((object, role, action) => resolveObject(object, role, action === 'Allow' ? asCreated : now));
    } finally {
      root?.[Symbol.dispose]();
    }
  }

  #open(): ContainerRoot | undefined {
    try {
      return this.#openRoot(this.#rootPath);
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      this.#logger.warn('paths of rules stay as written', { why: error.message });
      return undefined;
    }
  }
}
