// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { textsOf } from '#cluster';
import type { KubeObject, WatchChange } from '#k8s';
import type { Postures } from '#policy';
import { readPosture, readVisibility } from './annotations.ts';
import { takeIn } from './table.ts';
import type { Table } from './table.ts';

/** What the annotations of a namespace ask for. */
export interface KnownNamespace {
  readonly name: string;
  readonly postures: Partial<Postures>;
  /** Undefined: as configured. */
  readonly visibility: readonly string[] | undefined;
  /** Annotations that mean nothing: what they meant before counts. */
  readonly problems: readonly string[];
}

/** All namespaces. */
export class Namespaces {
  readonly #namespaces: Table<KnownNamespace> = new Map();

  /** @returns the names of those whose annotations are no longer as they were */
  take(change: WatchChange): ReadonlySet<string> {
    return new Set([...takeIn(this.#namespaces, change, readNamespace).keys()].map((key) => key.slice(1)));
  }

  /** Namespaces that were known before this agent. */
  load(namespaces: readonly KnownNamespace[]): void {
    for (const namespace of namespaces) this.#namespaces.set(`/${namespace.name}`, namespace);
  }

  get(name: string): KnownNamespace | undefined {
    return this.#namespaces.get(`/${name}`);
  }

  list(): readonly KnownNamespace[] {
    return [...this.#namespaces.values()];
  }
}

const FAMILIES: readonly (keyof Postures)[] = ['file', 'network', 'capabilities'];

function readNamespace({ metadata }: KubeObject, before: KnownNamespace | undefined): KnownNamespace {
  const annotations = textsOf(metadata.annotations);
  const problems: string[] = [];
  const postures: { -readonly [F in keyof Postures]?: Postures[F] } = {};
  for (const family of FAMILIES) {
    const read = readPosture(annotations, family);
    if ('problem' in read) problems.push(`namespace ${metadata.name}: ${read.problem}`);
    const value = 'problem' in read ? before?.postures[family] : read.value;
    if (value !== undefined) postures[family] = value;
  }
  const seen = readVisibility(annotations);
  if ('problem' in seen) problems.push(`namespace ${metadata.name}: ${seen.problem}`);
  const visibility = 'problem' in seen ? before?.visibility : seen.value && [...seen.value];
  const now = { name: metadata.name, postures, visibility, problems };
  return before !== undefined && isDeepStrictEqual(now, before) ? before : now;
}
