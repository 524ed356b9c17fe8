// SPDX-License-Identifier: Apache-2.0
import { fieldsOf, LABELS } from '#cluster';
import type { Moment } from '#cluster';
import type { KubeObject } from '#k8s';
import { isMap } from '#policy';
import { textOf } from './admission.ts';

/**
 * Which nodes without an agent count. `reached`: those that take ordinary pods, and those that agents reach whatever their taints. `ordinary`:
 * the former alone, for agents that are told what to tolerate.
 */
export type CountedNodes = 'reached' | 'ordinary' | 'none';

interface KnownNode {
  readonly labels: Readonly<Record<string, string>>;
  /** An agent should be here. */
  readonly isAwaited: boolean;
  /** Since when it is known to be there, by the steady clock. */
  readonly sinceMs: number;
}

/** How long a node that pods may come to may be without a report: its agent’s image is being pulled. */
export const AGENT_GRACE_MS = 120_000;
const KEEPS_PODS_AWAY = ['NoSchedule', 'NoExecute'];
/** A node that bears these is not up: nothing starts there, an agent neither. */
const NOT_UP = [
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/network-unavailable',
  'node.kubernetes.io/out-of-service',
  'node.cloudprovider.kubernetes.io/uninitialized',
  'node.cloudprovider.kubernetes.io/shutdown',
];

/** The cluster's nodes, and which of them should have an agent and have none. */
export class KnownNodes {
  readonly #counted: CountedNodes;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #reporting = new Set<string>();

  constructor(counted: CountedNodes) {
    this.#counted = counted;
  }

  /** @returns whether it is one that was not known */
  put(object: KubeObject, now: Moment, wasWatched: boolean): boolean {
    const { name, creationTimestamp = '' } = object.metadata;
    const before = this.#nodes.get(name);
    const createdMs = Date.parse(creationTimestamp);
    const age = wasWatched || Number.isNaN(createdMs) ? 0 : Math.max(0, now.wallMs - createdMs);
    const labels = labelsOf(object);
    this.#nodes.set(name, { labels, isAwaited: isAwaited(object, labels, this.#counted), sinceMs: before?.sinceMs ?? now.steadyMs - age });
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
    return [...this.#nodes].filter(([name, one]) => one.isAwaited && !this.#reporting.has(name));
  }
}

function labelsOf({ metadata }: KubeObject): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fieldsOf(metadata.labels)).map(([key, value]) => [key, textOf(value)]));
}

function isAwaited(object: KubeObject, labels: Readonly<Record<string, string>>, counted: CountedNodes): boolean {
  if (counted === 'none' || (labels['kubernetes.io/os'] ?? 'linux') !== 'linux') return false;
  const { taints, unschedulable } = fieldsOf(object['spec']);
  const away = (Array.isArray(taints) ? taints : []).flatMap((taint) =>
    isMap(taint) && KEEPS_PODS_AWAY.includes(textOf(taint['effect'])) ? [textOf(taint['key'])] : [],
  );
  if (away.length === 0 && unschedulable !== true) return true;
  // The operator's labels, by which DaemonSets of agents select nodes: they tolerate every taint.
  const isReached = Object.hasOwn(labels, LABELS.runtime) && Object.hasOwn(labels, LABELS.socket);
  return counted === 'reached' && isReached && !away.some((key) => NOT_UP.includes(key));
}
