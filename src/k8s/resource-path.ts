// SPDX-License-Identifier: Apache-2.0
import type { Kind, ObjectRef, WriteOptions } from './api.ts';

/**
 * The path of one object, or of a kind's list.
 *
 * @throws {RangeError} where a namespaced kind's object comes without its namespace, or a name could leave its place in the path
 */
export function resourcePath(kind: Kind, ref: Partial<ObjectRef>, subresource?: 'status'): string {
  const { name, namespace } = ref;
  if (name !== undefined && kind.namespaced && namespace === undefined) throw new RangeError(`${kind.plural} "${name}" needs a namespace`);
  const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${segment(kind.group)}/${segment(kind.version)}`;
  const within = kind.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : '';
  const object = name === undefined ? '' : `/${segment(name)}`;
  return `${base}${within}/${segment(kind.plural)}${object}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** @source Kubernetes, “Object Names and IDs”: path segment names may not be `.` or `..` or contain `/` or `%` */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name))
    throw new RangeError(`${JSON.stringify(name)} is no name of an object`);
  return encodeURIComponent(name);
}

/** `?a=b&c=d`, or nothing; what is undefined is left out. */
export function queryText(parameters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** The query of a write. */
export function writeQuery({ fieldManager, dryRun }: WriteOptions, force?: true): string {
  return queryText({ fieldManager, dryRun: dryRun === true ? 'All' : undefined, force: force === undefined ? undefined : 'true' });
}
