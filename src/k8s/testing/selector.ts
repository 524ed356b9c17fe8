// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, Selection } from '../api.ts';

type Test = (value: string | undefined) => boolean;

/**
 * Whether an object is one of a selection, as the API server judges it.
 *
 * Of label selectors it reads `k`, `!k`, `k=v`, `k==v`, `k!=v`, `k in (…)`, `k notin (…)`; of field selectors `path=v` and `path!=v`,
 * of any path: the server knows a few.
 *
 * @throws {Error} where a selector cannot be read
 */
export function isSelected(selection: Selection, object: KubeObject): boolean {
  if (selection.namespace !== undefined && object.metadata.namespace !== selection.namespace) return false;
  return (
    splitTerms(selection.labelSelector ?? '').every((term) => hasLabel(term, object)) &&
    splitTerms(selection.fieldSelector ?? '').every((term) => hasField(term, object))
  );
}

/** At commas that are not inside brackets. */
function splitTerms(selector: string): string[] {
  return selector
    .split(/,(?![^()]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

function hasLabel(term: string, object: KubeObject): boolean {
  const [key, test] = parseTerm(term);
  const labels = object.metadata.labels ?? {};
  return test(Object.hasOwn(labels, key) ? labels[key] : undefined);
}

function parseTerm(term: string): readonly [string, Test] {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    const isIn: Test = (value) => value !== undefined && values.includes(value);
    return [set[1] ?? '', set[2] === 'in' ? isIn : (value) => !isIn(value)];
  }
  const absent = /^!\s*(\S+)$/.exec(term);
  if (absent !== null) return [absent[1] ?? '', (value) => value === undefined];
  const [, key, operator, wanted = ''] = /^([^\s=!()]+)\s*(==|=|!=)?\s*([^\s=!()]*)$/.exec(term) ?? [];
  if (key === undefined) throw new Error(`no selector: ${term}`);
  if (operator === undefined) return [key, (value) => value !== undefined];
  return [key, operator === '!=' ? (value) => value !== wanted : (value) => value === wanted];
}

function hasField(term: string, object: KubeObject): boolean {
  const [, path = '', operator, wanted = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? [];
  if (operator === undefined) throw new Error(`no field selector: ${term}`);
  let value: unknown = object;
  for (const key of path.split('.')) value = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  const text = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
  return operator === '!=' ? text !== wanted : text === wanted;
}

/** A JSON object, not a list. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
