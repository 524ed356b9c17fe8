// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Kind, KubeObject, ObjectMeta, OwnerReference } from './api.ts';

/** A JSON object, not a list. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (record: Record<string, unknown>, field: string): unknown => (Object.hasOwn(record, field) ? record[field] : undefined);

/** A field of the object's own, where it is a string. */
export function textOf(record: Record<string, unknown>, field: string): string | undefined {
  const value = own(record, field);
  return typeof value === 'string' ? value : undefined;
}

/** A field of the object's own, where it is a JSON object; else an empty one. */
export function recordOf(record: Record<string, unknown>, field: string): Record<string, unknown> {
  const value = own(record, field);
  return isRecord(value) ? value : {};
}

/**
 * Reads an object as the server sent it. What is below `metadata` stays as it came.
 *
 * @param doing for the message, like `watching pods`
 * @param managedFields whether to keep who wrote which part (without the fields themselves, which are half of a small object)
 * @throws {KubeArmorError} `API_UNREACHABLE` where it has no name, or its metadata is not as documented
 */
export function readObject(kind: Kind, value: unknown, doing: string, managedFields = false): KubeObject {
  const broken = (what: string): never => {
    throw new KubeArmorError('API_UNREACHABLE', `${doing}: the API server sent no proper object: ${what}`);
  };
  if (!isRecord(value)) return broken('not a JSON object');
  const meta = recordOf(value, 'metadata');
  const name = textOf(meta, 'name');
  if (name === undefined) return broken('metadata.name is missing');
  const metadata: ObjectMeta = {
    name,
    ...texts(meta, broken),
    ...maps(meta, broken),
    ...lists(meta, managedFields),
  };
  // Items of a list come without their kind.
  const apiVersion = textOf(value, 'apiVersion') ?? (kind.group === '' ? kind.version : `${kind.group}/${kind.version}`);
  return { ...value, apiVersion, kind: textOf(value, 'kind') ?? kind.kind, metadata };
}

type Broken = (what: string) => never;

function texts(meta: Record<string, unknown>, broken: Broken): Partial<ObjectMeta> {
  const found: Record<string, string | number> = {};
  for (const field of ['namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp']) {
    const value = own(meta, field);
    if (typeof value === 'string') found[field] = value;
    else if (value !== undefined && value !== null) broken(`metadata.${field} is no string`);
  }
  const generation = own(meta, 'generation');
  if (typeof generation === 'number') found['generation'] = generation;
  return found;
}

function maps(meta: Record<string, unknown>, broken: Broken): Partial<ObjectMeta> {
  const found: { labels?: Record<string, string>; annotations?: Record<string, string> } = {};
  for (const field of ['labels', 'annotations'] as const) {
    const value = own(meta, field) ?? undefined;
    if (value === undefined) continue;
    if (!isTextMap(value)) return broken(`metadata.${field} is no map of strings`);
    found[field] = value;
  }
  return found;
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

function lists(meta: Record<string, unknown>, managedFields: boolean): Partial<ObjectMeta> {
  const owners = listOf(meta, 'ownerReferences').flatMap(readOwner);
  const finalizers = listOf(meta, 'finalizers').filter((item) => typeof item === 'string');
  const managers = managedFields ? listOf(meta, 'managedFields').filter(isRecord).map(readManager) : [];
  return {
    ...(owners.length === 0 ? {} : { ownerReferences: owners }),
    ...(finalizers.length === 0 ? {} : { finalizers }),
    ...(managers.length === 0 ? {} : { managedFields: managers }),
  };
}

function listOf(record: Record<string, unknown>, field: string): readonly unknown[] {
  const value = own(record, field);
  return Array.isArray(value) ? value : [];
}

function readOwner(value: unknown): OwnerReference[] {
  if (!isRecord(value)) return [];
  const [apiVersion, kind, name, uid] = ['apiVersion', 'kind', 'name', 'uid'].map((field) => textOf(value, field));
  if (apiVersion === undefined || kind === undefined || name === undefined || uid === undefined) return [];
  const controller = own(value, 'controller');
  return [{ apiVersion, kind, name, uid, ...(typeof controller === 'boolean' ? { controller } : {}) }];
}

function readManager(value: Record<string, unknown>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const field of ['manager', 'operation', 'subresource', 'time']) {
    const text = textOf(value, field);
    if (text !== undefined) found[field] = text;
  }
  return found;
}
