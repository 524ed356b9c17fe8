// SPDX-License-Identifier: Apache-2.0
import { childOf, isMap, shown } from './fields.ts';
import type { Notes } from './fields.ts';
import { compileHostnames } from './labels-hostname.ts';
import type { LabelExpression, PolicyKind, Selector } from './model.ts';
import { CONTAINER_NAME_LABEL, HOSTNAME_REGEX_LABELS } from './schema-names.ts';
import type { ExpressionFields, SelectorFields, SpecFields } from './schema.ts';

const SELECTS_NOTHING = 'SELECTS_NOTHING';

/** `spec.selector` or `spec.nodeSelector`, whichever the kind has. */
export function readSelector(kind: PolicyKind, spec: SpecFields, notes: Notes): Selector {
  const hasSelector = isUsed(spec.selector);
  if (kind === 'KubeArmorNetworkPolicy' && hasSelector && isUsed(spec.nodeSelector)) {
    notes.error(
      'FIELDS_EXCLUDE',
      'spec.selector',
      'cannot stand beside nodeSelector',
      'make two policies: one for pods (selector), one for nodes (nodeSelector)',
    );
  }
  const toNode = kind === 'KubeArmorHostPolicy' || (kind === 'KubeArmorNetworkPolicy' && !hasSelector);
  return toNode ? readNodeSelector(spec.nodeSelector, notes) : readWorkloadSelector(spec.selector ?? {}, notes);
}

function isUsed(selector: SelectorFields | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length > 0 || (selector?.matchExpressions ?? []).length > 0;
}

function readNodeSelector(selector: SpecFields['nodeSelector'], notes: Notes): Selector {
  const matchLabels = selector?.matchLabels ?? {};
  if (Object.keys(matchLabels).length === 0) {
    notes.warn(
      SELECTS_NOTHING,
      'spec.nodeSelector',
      `is ${selector === undefined ? 'missing' : 'empty'}: the policy selects no node`,
      'name the nodes: `nodeSelector: {matchLabels: {kubearmor.io/hostname: "*"}}` is all of them',
    );
  }
  for (const key of HOSTNAME_REGEX_LABELS) {
    const expression = Object.hasOwn(matchLabels, key) ? matchLabels[key] : undefined;
    const field = childOf('spec.nodeSelector.matchLabels', key);
    if (expression === undefined || notes.tooLong(expression, 'hostnamePatternBytes', field)) continue;
    const problem = compileHostnames(expression);
    if (typeof problem !== 'string') continue;
    notes.warn(SELECTS_NOTHING, field, `\`${shown(expression)}\`: ${problem}`, 'write a regular expression over the whole host name');
  }
  return { target: 'node', matchLabels, matchExpressions: [], containerNames: [] };
}

function readWorkloadSelector(selector: SelectorFields, notes: Notes): Selector {
  const { [CONTAINER_NAME_LABEL]: names, ...matchLabels } = selector.matchLabels ?? {};
  const at = 'spec.selector.matchExpressions';
  const matchExpressions = (selector.matchExpressions ?? []).flatMap(
    (fields, index) => readExpression(fields ?? {}, childOf(at, index), notes) ?? [],
  );
  const containerNames = (names ?? '')
    .replace(/^\s*\[|\]\s*$/g, '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names !== undefined && containerNames.length === 0) {
    notes.warn(
      'FIELD_EMPTY',
      childOf('spec.selector.matchLabels', CONTAINER_NAME_LABEL),
      'names no container, so every container is meant',
      'write `"[name, name]"`',
    );
  }
  return { target: 'workload', matchLabels, matchExpressions, containerNames };
}

/** One expression; undefined where KubeArmor ignores it too, with a warning. */
function readExpression(fields: ExpressionFields, at: string, notes: Notes): LabelExpression | undefined {
  const { key, operator } = fields;
  if (key === undefined || operator === undefined) {
    const absent = key === undefined ? 'key' : 'operator';
    if (!notes.failed) notes.warn('FIELD_WITHOUT_EFFECT', at, `has no ${absent} and is ignored`, 'write key, operator and values');
    return undefined;
  }
  const values = valuesOf(fields.values);
  if (operator === 'Exists' || operator === 'DoesNotExist') return readPresence(key, operator, { values, at, notes });
  if (values.length === 0 && !notes.failed) warnNoValues(operator, childOf(at, 'values'), notes);
  if (key === 'namespace') return namespaces(operator, { values, at, notes }, isMap(fields.values));
  return key === 'label' || isMap(fields.values) ? labelPairs(operator, { values, at, notes }) : { kind: 'label', key, operator, values };
}

/** A map of values is read as labels: `{app: web}` is `app=web`. */
function valuesOf(written: ExpressionFields['values']): string[] {
  if (isMap(written)) return Object.entries(written).map(([name, value]) => `${name}=${String(value)}`);
  return Array.isArray(written) ? written.filter((value) => value !== undefined) : [];
}

function namespaces(operator: 'In' | 'NotIn', { values, at, notes }: Values, isLabels: boolean): LabelExpression {
  if (isLabels) notes.error('TYPE_WRONG', childOf(at, 'values'), 'must be a list of namespaces, is a map', 'start each entry with `- `');
  return { kind: 'namespace', operator, values };
}

function warnNoValues(operator: 'In' | 'NotIn', at: string, notes: Notes): void {
  const cure = 'add values, or remove the expression';
  if (operator === 'In') notes.warn(SELECTS_NOTHING, at, 'In has no values, so nothing is selected', cure);
  else notes.warn('FIELD_WITHOUT_EFFECT', at, 'NotIn has no values, so nothing is left out', cure);
}

/** KubeArmor's own form: values are whole labels. */
function labelPairs(operator: 'In' | 'NotIn', { values, at, notes }: Values): LabelExpression {
  const loose = values.find((value) => !value.includes('='));
  if (loose !== undefined) {
    notes.warn(
      SELECTS_NOTHING,
      childOf(at, 'values'),
      `\`${shown(loose)}\` is not a whole label, and no workload has it`,
      `write \`key=value\`, or put the label's key in \`key:\``,
    );
  }
  return { kind: 'labelPair', operator, values };
}

interface Values {
  readonly values: readonly string[];
  readonly at: string;
  readonly notes: Notes;
}
function readPresence(key: string, operator: 'Exists' | 'DoesNotExist', { values, at, notes }: Values): LabelExpression {
  if (values.length > 0)
    notes.error('FIELDS_EXCLUDE', childOf(at, 'values'), `cannot stand beside ${operator}`, 'use operator In or NotIn, or remove values');
  if (key === 'label' || key === 'namespace') {
    notes.error(
      'VALUE_UNKNOWN',
      childOf(at, 'operator'),
      `${operator} does not go with key \`${key}\``,
      `name the label in key: \`key: app\`, \`operator: ${operator}\``,
    );
  }
  return { kind: 'label', key, operator, values: [] };
}
