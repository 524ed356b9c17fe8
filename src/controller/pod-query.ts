// SPDX-License-Identifier: Apache-2.0
import type { LabelExpression, Policy } from '#policy';

/** How to ask the API server for one pod that a policy selects. */
export interface PodQuery {
  /** Absent: all. */
  readonly namespace?: string;
  /** Label selectors; a pod of any of them is selected. */
  readonly labelSelectors: readonly string[];
}

const QUERIES_MAX = 4;
const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/;

/**
 * The question whether a policy selects any pod, in the API server's own words.
 *
 * @returns undefined where it cannot be asked exactly, or where the answer would be most pods: a policy without labels selects by its
 * namespace, and nobody mistypes that. Names of containers and namespace expressions are not asked about, so "none" is always true.
 */
export function podQuery({ selector, namespace }: Policy): PodQuery | undefined {
  if (selector.target !== 'workload') return undefined;
  const equal = Object.entries(selector.matchLabels).map(([key, value]) => pair(key, value));
  let alternatives: readonly (readonly string[])[] = [[]];
  for (const expression of selector.matchExpressions) {
    const terms = termsOf(expression);
    if (terms === undefined) return undefined;
    alternatives = alternatives.flatMap((before) => terms.map((term) => [...before, ...term]));
    if (alternatives.length > QUERIES_MAX) return undefined;
  }
  const all = alternatives.map((terms) => [...equal, ...terms]);
  if (all.some((terms) => terms.length === 0 || terms.includes(undefined))) return undefined;
  const where = namespace === '' ? {} : { namespace };
  return { ...where, labelSelectors: all.map((terms) => terms.join(',')) };
}

const pair = (key: string, value: string): string | undefined => (KEY.test(key) && VALUE.test(value) ? `${key}=${value}` : undefined);

/** Alternatives of terms that must all hold; undefined where the API server's selectors cannot say it. */
function termsOf(expression: LabelExpression): readonly (readonly string[])[] | undefined {
  if (expression.kind === 'namespace') return [[]];
  if (expression.kind === 'labelPair') {
    const pairs = expression.values.map((one) => {
      const cut = one.indexOf('=');
      return cut <= 0 ? undefined : pair(one.slice(0, cut).trim(), one.slice(cut + 1).trim());
    });
    const known = pairs.filter((one) => one !== undefined);
    if (known.length < pairs.length || known.length === 0) return undefined;
    return expression.operator === 'In' ? known.map((one) => [one]) : [known.map((one) => one.replace('=', '!='))];
  }
  const { key, operator, values } = expression;
  if (!KEY.test(key) || !values.every((value) => VALUE.test(value))) return undefined;
  if (operator === 'Exists') return [[key]];
  if (operator === 'DoesNotExist') return [[`!${key}`]];
  return values.length === 0 ? undefined : [[`${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`]];
}
