// SPDX-License-Identifier: Apache-2.0
import { fieldsOf } from '#cluster';
import type { Moment } from '#cluster';
import type { KubeObject } from '#k8s';
import { isMap } from '#policy';
import { textOf } from './admission.ts';

interface KnownNode {
  readonly labels: Readonly<Record<string, string>>;
  /** Pods that tolerate nothing may come here, and they are Linux programs. */
  readonly isOrdinary: boolean;
  /** Since when it is known to be there, by the steady clock. */
  readonly sinceMs: number;
}

/** How long a node that pods may come to may be without a report: its agent’s image is being pulled. */
export const AGENT_GRACE_MS = 120_000;
const KEEPS_PODS_AWAY = ['NoSchedule', 'NoExecute'];

/** The cluster's nodes, and which of them should have an agent and have none. */
export class KnownNodes {
  readonly #counts: boolean;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #reporting = new Set<string>();

  constructor(countsNodesWithoutAgent: boolean) {
    this.#counts = countsNodesWithoutAgent;
  }

  /** @returns whether it is one that was not known */
  put(object: KubeObject, now: Moment, wasWatched: boolean): boolean {
    const { name, creationTimestamp = '' } = object.metadata;
    const before = this.#nodes.get(name);
    const createdMs = Date.parse(creationTimestamp);
    const age = wasWatched || Number.isNaN(createdMs) ? 0 : Math.max(0, now.wallMs - createdMs);
    const labels = labelsOf(object);
    this.#nodes.set(name, { labels, isOrdinary: isOrdinary(object, labels), sinceMs: before?.sinceMs ?? now.steadyMs - age });
    return before === undefined;
  }

  remove(name: string): void {
    this.#nodes.delete(name);
  }

  setReporting(name: string, does: boolean): void {
    if (does) this.#reporting.add(name);
    else this.#reporting.delete(name);
  }

  exists(name: string): boolean {
    return this.#nodes.has(name);
  }

  get names(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  get count(): number {
    return this.#nodes.size;
  }

  get labelled(): readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[] {
    return Array.from(this.#nodes, ([name, { labels }]) => ({ name, labels }));
  }

  /** Nodes that should have an agent, and of which none reports. */
  withoutAgent(steadyMs: number): readonly string[] {
    return this.#awaited().flatMap(([name, { sinceMs }]) => (steadyMs - sinceMs >= AGENT_GRACE_MS ? [name] : []));
  }

  /** When the next node without an agent is overdue, by the steady clock. */
  nextOverdueMs(steadyMs: number): number | undefined {
    const times = this.#awaited().map(([, { sinceMs }]) => sinceMs + AGENT_GRACE_MS);
    const later = times.filter((time) => time > steadyMs);
    return later.length === 0 ? undefined : Math.min(...later);
  }

  #awaited(): [string, KnownNode][] {
    if (!this.#counts) return [];
    return [...this.#nodes].filter(([name, { isOrdinary }]) => isOrdinary && !this.#reporting.has(name));
  }
}

function labelsOf({ metadata }: KubeObject): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fieldsOf(metadata.labels)).map(([key, value]) => [key, textOf(value)]));
}

function isOrdinary(object: KubeObject, labels: Readonly<Record<string, string>>): boolean {
  const { taints, unschedulable } = fieldsOf(object['spec']);
  const isTainted = Array.isArray(taints) && taints.some((taint) => isMap(taint) && KEEPS_PODS_AWAY.includes(textOf(taint['effect'])));
  return !isTainted && unschedulable !== true && (labels['kubernetes.io/os'] ?? 'linux') === 'linux';
}
