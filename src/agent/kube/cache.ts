// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoText, KubeArmorError } from '#base';
import type { Logger } from '#base';
import { writeAtomically } from '../policy-files.ts';
import type { LiveValues } from './live-config.ts';
import type { KnownNamespace } from './namespaces.ts';
import type { KnownNode } from './node.ts';
import type { KnownPod } from './pods.ts';
import type { KeptPolicy } from './policies.ts';

/** What an agent knows of its cluster, for the next one: it may start while the API server is away. */
export interface ClusterState {
  readonly nodeName: string;
  readonly node: KnownNode | undefined;
  readonly policies: readonly KeptPolicy[];
  readonly namespaces: readonly KnownNamespace[];
  readonly pods: readonly KnownPod[];
  readonly config: LiveValues;
}

export interface ClusterCache {
  /** @returns undefined where there is nothing that can be used; what is wrong with it was told */
  load(): Promise<ClusterState | undefined>;
  save(state: ClusterState): Promise<void>;
  /** Why what is kept is not what is known; undefined: it is. */
  readonly problem: string | undefined;
}

/** Raised where a field changes its meaning: another version's file is not read. */
const VERSION = 1;
const BYTES_MAX = 64 << 20;

/** Keeps it in a file, which is written whole or not at all. */
export class CacheFile implements ClusterCache {
  readonly #path: string;
  readonly #nodeName: string;
  readonly #logger: Logger;
  /** The first line of what is in the file. */
  #kept = '';
  #problem: string | undefined;

  constructor(path: string, nodeName: string, logger: Logger) {
    this.#path = path;
    this.#nodeName = nodeName;
    this.#logger = logger;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  async load(): Promise<ClusterState | undefined> {
    try {
      const text = await this.#read();
      if (text === undefined) return undefined;
      const state = parseCache(text);
      if (typeof state === 'string') return this.#fail(`reading ${this.#path}: ${state}; it is not used`);
      if (state.nodeName !== this.#nodeName)
        return this.#fail(`reading ${this.#path}: it is of the node ${state.nodeName}; it is not used`);
      return state;
    } catch (error) {
      return this.#fail(`reading ${this.#path}: ${errnoText(error)}`);
    }
  }

  async save(state: ClusterState): Promise<void> {
    const text = cacheText(state);
    const head = headOf(text); // it has the digest of the rest
    if (head === this.#kept) return;
    if (Buffer.byteLength(text) > BYTES_MAX) return this.#fail(`writing ${this.#path}: what is known exceeds ${BYTES_MAX} bytes`);
    try {
      await writeAtomically(this.#path, text);
      this.#kept = head;
      this.#problem = undefined;
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      this.#fail(error.message);
    }
  }

  async #read(): Promise<string | undefined> {
    try {
      await using handle = await open(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const { size } = await handle.stat();
      if (size > BYTES_MAX) throw new Error(`it has ${size} bytes; the limit is ${BYTES_MAX}`);
      return await handle.readFile('utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #fail(problem: string): undefined {
    if (this.#problem !== problem) this.#logger.warn('what is known of the cluster is not kept', { why: problem });
    this.#problem = problem;
    return undefined;
  }
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const headOf = (text: string): string => text.slice(0, text.indexOf('\n'));

/** What the file holds: a line that vouches for the second. */
export function cacheText(state: ClusterState): string {
  const body = JSON.stringify(state);
  return `${JSON.stringify({ schemaVersion: VERSION, sha256: digestOf(body) })}\n${body}\n`;
}

/** @returns what was kept, or why it cannot be used */
export function parseCache(text: string): ClusterState | string {
  const [head = '', body = ''] = text.split('\n', 2);
  try {
    const { schemaVersion, sha256 } = JSON.parse(head) as { readonly schemaVersion?: unknown; readonly sha256?: unknown };
    if (schemaVersion !== VERSION) return `it is of another version of the agent (${String(schemaVersion)})`;
    if (sha256 !== digestOf(body)) return 'it is damaged';
    return JSON.parse(body) as ClusterState;
  } catch {
    return 'it is damaged';
  }
}
