// SPDX-License-Identifier: Apache-2.0
import type { LabelExpression, Policy, Workload } from './model.ts';
import { ANY_WORKLOAD } from './one-rule.ts';
import { selects } from './select.ts';

/** Workloads that are tried at most. */
const CLASSES_MAX = 500;
/** A value of a label that a policy asks for by name only. */
const ANY_VALUE = 'any';

/**
 * Workloads that these policies select: one for each selector, and one for each two selectors that can meet. What a selector does not
 * ask for is empty. A selector that cannot be met by filling in what it names (`NotIn` alone can) gives none.
 */
export function workloadClasses(policies: readonly Policy[]): readonly Workload[] {
  const single = policies.flatMap((policy) => workloadFor(policy) ?? []);
  const found = new Map<string, Workload>();
  const add = (workload: Workload | undefined): void => {
    if (workload !== undefined && found.size < CLASSES_MAX) found.set(keyOf(workload), workload);
  };
  const distinct = new Map(single.map((workload) => [keyOf(workload), workload]));
  for (const workload of distinct.values()) add(workload);
  const all = [...distinct.values()];
  for (const [i, a] of all.entries()) for (const b of all.slice(i + 1)) if (found.size < CLASSES_MAX) add(merge(a, b));
  return [...found.values()];
}

const keyOf = ({ kind, namespace, containerName, labels }: Workload): string =>
  JSON.stringify([kind, namespace, containerName, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);

function workloadFor(policy: Policy): Workload | undefined {
  const { target, matchLabels, matchExpressions, containerNames } = policy.selector;
  const spaces = matchExpressions.flatMap((one) => (one.kind === 'namespace' && one.operator === 'In' ? one.values : []));
  const labels = Object.fromEntries([...matchExpressions.flatMap(labelsFor), ...Object.entries(matchLabels)]);
  const workload: Workload = {
    ...ANY_WORKLOAD,
    kind: target === 'node' ? 'host' : 'container',
    namespace: target === 'node' ? '' : policy.namespace || (spaces[0] ?? 'default'),
    containerName: containerNames[0] ?? '',
    labels,
  };
  return selects(policy, workload) ? workload : undefined;
}

function labelsFor(expression: LabelExpression): [string, string][] {
  if (expression.kind === 'namespace' || expression.operator === 'NotIn' || expression.operator === 'DoesNotExist') return [];
  const [value = ANY_VALUE] = expression.values;
  if (expression.kind === 'label') return [[expression.key, value]];
  const cut = value.indexOf('=');
  return cut > 0 ? [[value.slice(0, cut).trim(), value.slice(cut + 1).trim()]] : [];
}

/** One workload that is both, where nothing contradicts. */
function merge(a: Workload, b: Workload): Workload | undefined {
  if (a.kind !== b.kind || a.namespace !== b.namespace) return undefined;
  if (a.containerName !== '' && b.containerName !== '' && a.containerName !== b.containerName) return undefined;
  if (Object.entries(b.labels).some(([key, value]) => Object.hasOwn(a.labels, key) && a.labels[key] !== value)) return undefined;
  return { ...a, containerName: a.containerName || b.containerName, labels: { ...a.labels, ...b.labels } };
}
