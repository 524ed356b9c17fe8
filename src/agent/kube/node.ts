// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { fieldOf, textOf, textsOf } from '#cluster';
import type { KubeObject, WatchChange } from '#k8s';
import type { WorkloadMode } from '#policy';
import { readMode, readVisibility } from './annotations.ts';
import { takeIn } from './table.ts';
import type { Table } from './table.ts';

/** This node's Node. */
export interface KnownNode {
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the host. */
  readonly mode: WorkloadMode;
  /** What the host's logs tell of; undefined: as configured. */
  readonly visibility: readonly string[] | undefined;
  readonly osImage: string;
  /** As `containerd://1.7.2`. */
  readonly runtime: string;
  readonly problems: readonly string[];
}

/** The one Node that is watched. */
export class OwnNode {
  readonly #nodes: Table<KnownNode> = new Map();

  /** @returns whether it is no longer as it was */
  take(change: WatchChange): boolean {
    return takeIn(this.#nodes, change, readNode).size > 0;
  }

  load(name: string, node: KnownNode): void {
    this.#nodes.set(`/${name}`, node);
  }

  get(): KnownNode | undefined {
    return [...this.#nodes.values()][0];
  }
}

function readNode({ metadata, ...rest }: KubeObject, before: KnownNode | undefined): KnownNode {
  const annotations = textsOf(metadata.annotations);
  const [mode, visibility] = [readMode(annotations), readVisibility(annotations)];
  const info = fieldOf(rest['status'], 'nodeInfo');
  const now: KnownNode = {
    uid: textOf(metadata, 'uid') ?? '',
    labels: textsOf(metadata.labels),
    mode: ('problem' in mode ? before?.mode : mode.value) ?? 'enabled',
    visibility: 'problem' in visibility ? before?.visibility : visibility.value && [...visibility.value],
    osImage: textOf(info, 'osImage') ?? '',
    runtime: textOf(info, 'containerRuntimeVersion') ?? '',
    problems: [mode, visibility].flatMap((read) => ('problem' in read ? [`node ${metadata.name}: ${read.problem}`] : [])),
  };
  // its heartbeats change nothing that counts here
  return before !== undefined && isDeepStrictEqual(now, before) ? before : now;
}
