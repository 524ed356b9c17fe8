// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { kindOf, KINDS } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { isMap } from '#policy';
import { FIELD_MANAGER } from './wanted.ts';

/** What applying one object would do. */
export interface Difference {
  readonly object: KubeObject;
  readonly change: 'create' | 'change' | 'nothing';
  /** Fields below `spec` and the like that would be another, as paths. */
  readonly fields: readonly string[];
}

/** Set by the server at every write, or by others. */
const STAMPS = new Set(['managedFields', 'resourceVersion', 'generation', 'creationTimestamp', 'uid']);
const FIELDS_MAX = 8;

/**
 * Applies an object. A KubeArmorConfig that is there is added to: an apply would take back what an earlier one named and this one does not.
 *
 * @param isThere the server has it already
 * @throws {KubeArmorError} as `KubeApi`
 */
export function write(
  api: KubeApi,
  object: KubeObject,
  isThere: boolean,
  options: { readonly dryRun?: boolean; readonly signal: AbortSignal },
): Promise<KubeObject> {
  const kind = kindOf(object);
  const written = { ...options, fieldManager: FIELD_MANAGER };
  if (!isThere || object.kind !== KINDS.configs.kind) return api.apply(kind, object, written);
  const { name, namespace, annotations } = object.metadata;
  const metadata = annotations === undefined ? {} : { metadata: { annotations } };
  return api.patch(kind, { name, namespace }, { ...metadata, spec: object['spec'] }, written);
}

/**
 * What writing would change, as the server itself works it out (a dry run), so that its defaults and other people's fields are no
 * difference.
 *
 * @param isNew its namespace or kind is not there yet: nothing is asked
 * @throws {KubeArmorError} as `KubeApi`
 */
export async function differenceOf(api: KubeApi, object: KubeObject, isNew: boolean, signal: AbortSignal): Promise<Difference> {
  if (isNew) return { object, change: 'create', fields: [] };
  const kind = kindOf(object);
  const { name, namespace } = object.metadata;
  const before = await api.get(kind, { name, ...(namespace === undefined ? {} : { namespace }) }, signal);
  if (before === undefined) return { object, change: 'create', fields: [] };
  const after = await write(api, object, true, { dryRun: true, signal });
  const fields = [...changedFields(bare(before), bare(after), '')];
  return { object, change: fields.length === 0 ? 'nothing' : 'change', fields };
}

export function differenceText({ object: { kind, metadata }, change, fields }: Difference): string {
  const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  const more = fields.length > FIELDS_MAX ? ` and ${fields.length - FIELDS_MAX} more` : '';
  const what = fields.length === 0 ? '' : `: ${fields.slice(0, FIELDS_MAX).join(', ')}${more}`;
  return `${change === 'create' ? '+' : '~'} ${kind} ${name}${what}`;
}

function bare({ metadata, ...rest }: KubeObject): Record<string, unknown> {
  return { ...rest, status: undefined, metadata: Object.fromEntries(Object.entries(metadata).filter(([field]) => !STAMPS.has(field))) };
}

function* changedFields(before: unknown, after: unknown, path: string): Generator<string> {
  if (isDeepStrictEqual(before, after)) return;
  if (!isMap(before) || !isMap(after)) return yield path;
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)]))
    yield* changedFields(before[field], after[field], path === '' ? field : `${path}.${field}`);
}
