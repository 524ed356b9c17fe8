// SPDX-License-Identifier: Apache-2.0
import { parse } from 'yaml';
import type { Schema } from '#install';
import { renderDefinitions } from '../../tools/gen-crds.ts';

/** What of a CustomResourceDefinition the tests look at. */
export interface CrdObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames?: readonly string[] };
    readonly versions: readonly {
      readonly name: string;
      readonly additionalPrinterColumns: readonly { readonly name: string; readonly jsonPath: string; readonly priority?: number }[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** Every definition by its kind, as its file says. */
export const DEFINITIONS: ReadonlyMap<string, CrdObject> = new Map(
  [...renderDefinitions().values()].map((text) => {
    const crd = parse(text) as CrdObject;
    return [crd.spec.names.kind, crd];
  }),
);

export function schemaOfKind(kind: string): Schema {
  const found = DEFINITIONS.get(kind)?.spec.versions[0]?.schema.openAPIV3Schema;
  if (found === undefined) throw new RangeError(`no definition of ${kind}`);
  return found;
}

const TYPES: Readonly<Record<NonNullable<Schema['type']>, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  // beyond that the server reads a floating-point number
  integer: (value) => Number.isSafeInteger(value),
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/**
 * What the API server would refuse in a value, as far as our schemas say anything: types, null, required fields, and fields that
 * would be dropped. test/cluster/crds.kube.ts holds this against a real server.
 *
 * @source Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions"
 */
export function refusals(value: unknown, schema: Schema, at = ''): string[] {
  if (value === null) return schema.nullable === true || schema.type === undefined ? [] : [`${at}: null`];
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || Number.isSafeInteger(value) ? [] : [`${at}: neither integer nor string`];
  }
  if (schema.type === undefined) return [];
  if (!TYPES[schema.type](value)) return [`${at}: no ${schema.type}`];
  if (Array.isArray(value))
    return value.flatMap((item, index) => (schema.items === undefined ? [] : refusals(item, schema.items, `${at}[${index}]`)));
  return schema.type === 'object' ? fieldRefusals(value as Readonly<Record<string, unknown>>, schema, at) : [];
}

function fieldRefusals(value: Readonly<Record<string, unknown>>, schema: Schema, at: string): string[] {
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name)).map((name) => `${at}.${name}: missing`);
  const wrong = Object.entries(value).flatMap(([name, entry]) => {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    // the server drops a null where a field may not be null
    if (known !== undefined) return entry === null ? [] : refusals(entry, known, `${at}.${name}`);
    if (schema.additionalProperties !== undefined) return refusals(entry, schema.additionalProperties, `${at}.${name}`);
    return schema['x-kubernetes-preserve-unknown-fields'] === true || at === '.metadata' ? [] : [`${at}.${name}: dropped`];
  });
  return [...missing, ...wrong];
}
