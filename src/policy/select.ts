// SPDX-License-Identifier: Apache-2.0
import { compileHostnames } from './labels-hostname.ts';
import type { LabelExpression, Policy, Workload } from './model.ts';
import { HOSTNAME_LABELS, HOSTNAME_REGEX_LABELS } from './schema-names.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Whether a policy governs a workload: a container by namespace, labels and name; the host by node labels.
 *
 * For `kind: 'host'` the workload's labels are the node's and its `podName` the node's name. Whether the workload is disabled is not asked.
 *
 * @source docs semantics, section 2
 */
export function selects(policy: Policy, workload: Workload): boolean {
  const { selector } = policy;
  if (workload.kind === 'host') return nodeSelected(policy, { name: workload.podName, labels: workload.labels });
  if (selector.target !== 'workload') return false;
  if (policy.namespace !== '' && policy.namespace !== workload.namespace) return false;
  if (selector.containerNames.length > 0 && !selector.containerNames.includes(workload.containerName)) return false;
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => labelOf(workload.labels, key) === value) &&
    selector.matchExpressions.every((expression) => holds(expression, workload))
  );
}

/**
 * Whether a policy governs a node: every label of its nodeSelector holds; an empty one selects nothing.
 *
 * A host name label is the node's label of that key or, without one, the node's name.
 */
export function nodeSelected(policy: Policy, node: { readonly name: string; readonly labels: Labels }): boolean {
  if (policy.selector.target !== 'node') return false;
  const wanted = Object.entries(policy.selector.matchLabels);
  return wanted.length > 0 && wanted.every(([key, value]) => nodeLabelHolds(key, value, node));
}

function nodeLabelHolds(key: string, value: string, node: { readonly name: string; readonly labels: Labels }): boolean {
  if (HOSTNAME_LABELS.includes(key)) {
    const name = labelOf(node.labels, key) ?? node.name;
    return value.split(',').some((part) => part.trim() === '*' || part.trim() === name);
  }
  if (HOSTNAME_REGEX_LABELS.includes(key)) {
    const matches = compileHostnames(value);
    const name = labelOf(node.labels, key.replace(/reg$/, '')) ?? node.name;
    return typeof matches !== 'string' && matches(name);
  }
  return labelOf(node.labels, key) === value;
}

function holds(expression: LabelExpression, workload: Workload): boolean {
  if (expression.kind === 'namespace') return expression.values.includes(workload.namespace) === (expression.operator === 'In');
  if (expression.kind === 'labelPair') {
    return expression.values.some((pair) => hasPair(workload.labels, pair)) === (expression.operator === 'In');
  }
  const value = labelOf(workload.labels, expression.key);
  if (expression.operator === 'Exists') return value !== undefined;
  if (expression.operator === 'DoesNotExist') return value === undefined;
  return (value !== undefined && expression.values.includes(value)) === (expression.operator === 'In');
}

function hasPair(labels: Labels, pair: string): boolean {
  const cut = pair.indexOf('=');
  return cut > 0 && labelOf(labels, pair.slice(0, cut).trim()) === pair.slice(cut + 1).trim();
}

/** Own properties only: a label may be called `constructor`. */
function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/**
 * What the RPC refuses of a KubeArmorPolicy's selector: one that names nothing, or containers beside other labels.
 *
 * @source reference: KubeArmor's handling of container policies that come by RPC
 */
export function rpcSelectorProblem({ selector }: Policy): 'empty' | 'name beside labels' | undefined {
  const { matchLabels, matchExpressions, containerNames } = selector;
  const hasLabels = Object.keys(matchLabels).length > 0;
  if (!hasLabels && containerNames.length === 0 && matchExpressions.length === 0) return 'empty';
  return hasLabels && containerNames.length > 0 ? 'name beside labels' : undefined;
}
