// SPDX-License-Identifier: Apache-2.0
import { LABELS } from '#cluster';
import { nodeFacts, NODE_LABELS, shapeLabels, shapeOf } from '#install';
import type { FoundShape, NodeShape } from '#install';
import type { KubeObject } from '#k8s';
import { isMap } from '#policy';

export interface NodePlan {
  readonly found: FoundShape;
  /** What to change of its labels; undefined: nothing. */
  readonly labels: Readonly<Record<string, string | null>> | undefined;
}

/**
 * What a node is, and the labels that say so, as KubeArmor's operator writes them. What only an agent there can see (which enforcer)
 * comes from its report.
 *
 * @param report the node's KubeArmorNode, where there is one
 * @param socket of the runtime, where the administrator named it
 */
export function planNode(node: KubeObject, report: KubeObject | undefined, socket: string | undefined): NodePlan {
  const found = shapeOf(nodeFacts(node), socket);
  const shape = 'shape' in found ? found.shape : undefined;
  const wanted = shape === undefined ? {} : { ...shapeLabels(shape), ...seenLabels(report) };
  const have = node.metadata.labels ?? {};
  const changes = new Map<string, string | null>();
  for (const [key, value] of Object.entries(wanted)) if (have[key] !== value) changes.set(key, value);
  // A label of KubeArmor's that nobody renews any more would be a guess.
  for (const key of NODE_LABELS) if (Object.hasOwn(have, key) && !Object.hasOwn(wanted, key)) changes.set(key, null);
  return { found, labels: changes.size === 0 ? undefined : Object.fromEntries(changes) };
}

function seenLabels(report: KubeObject | undefined): Readonly<Record<string, string>> {
  const status = isMap(report?.['status']) ? report['status'] : {};
  const facts = isMap(status['node']) ? status['node'] : {};
  const { enforcer, lsm } = facts;
  if (typeof enforcer !== 'string' || !Array.isArray(lsm)) return {};
  const isEnforced = status['state'] === 'enforcing' || status['state'] === 'degraded';
  // Programs were loaded, so the kernel's types are there; and what its security modules are was read.
  const btf = isEnforced ? { [LABELS.btf]: 'yes' } : {};
  const active = isEnforced && lsm.includes('bpf') ? 'bpf' : 'none';
  return { [LABELS.enforcer]: active, ...btf, [LABELS.securityfs]: lsm.length > 0 ? 'yes' : 'no' };
}

/** The shapes that nodes have, each once, in one order; and the nodes that have none, with why. */
export function shapesOf(plans: ReadonlyMap<string, NodePlan>): {
  readonly shapes: readonly NodeShape[];
  readonly problems: readonly { readonly node: string; readonly problem: string }[];
} {
  const shapes = new Map<string, NodeShape>();
  const problems: { node: string; problem: string }[] = [];
  for (const [node, { found }] of plans) {
    if ('shape' in found) shapes.set(found.shape.name, found.shape);
    else if ('problem' in found) problems.push({ node, problem: found.problem });
  }
  return { shapes: [...shapes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)), problems };
}
