// SPDX-License-Identifier: Apache-2.0
import { create, ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage, MessageShape } from '@bufbuild/protobuf';

/**
 * The content of a protobuf message without the library's own properties, read-only: what other rooms build and read
 * without knowing protobuf. A decoded message is one.
 */
export type Fields<T> = T extends string | number | bigint | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly Fields<E>[]
    : { readonly [K in keyof T as Exclude<K, '$typeName' | '$unknown'>]: Fields<T[K]> };

/** Characters of one string. gRPC clients end a stream at a message of 4 MiB; a record has some twenty strings that a container chooses. */
const STRING_MAX = 65_536;

const cleanText = (text: string): string => (text.length > STRING_MAX ? `${text.slice(0, STRING_MAX - 1)}…` : text).toWellFormed();

/** Wraps as Go's conversions do: a uid of 2^32 - 1 becomes -1, where the encoder would throw and end the stream. */
function cleanScalar(type: ScalarType, value: unknown): unknown {
  switch (type) {
    case ScalarType.STRING:
      return cleanText(String(value));
    case ScalarType.INT32:
      return Number(value) | 0;
    case ScalarType.UINT32:
      return Number(value) >>> 0;
    case ScalarType.INT64:
      return BigInt.asIntN(64, value as bigint);
    case ScalarType.UINT64:
      return BigInt.asUintN(64, value as bigint);
    default:
      return value;
  }
}

function cleanField(field: DescField, value: unknown): unknown {
  switch (field.fieldKind) {
    case 'scalar':
      return cleanScalar(field.scalar, value);
    case 'list':
      return (value as unknown[]).map((item) => (field.listKind === 'scalar' ? cleanScalar(field.scalar, item) : item));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [
          cleanText(key),
          field.mapKind === 'scalar' ? cleanScalar(field.scalar, item) : item,
        ]),
      );
    case 'message':
      return cleanMessage(field.message, value as object);
    default:
      return value;
  }
}

/**
 * Makes a message that always encodes: lone surrogates become U+FFFD, over-long strings are cut with `…`, integers wrap.
 * What a container put into a name, an argument or a path can so never end a stream.
 *
 * @param fields missing ones are empty
 */
export function cleanMessage<D extends DescMessage>(schema: D, fields: object): MessageShape<D> {
  const init: Record<string, unknown> = {};
  const given = fields as Record<string, unknown>;
  for (const field of schema.fields) {
    const value = given[field.localName];
    if (value !== undefined) init[field.localName] = cleanField(field, value);
  }
  return create(schema, init as never);
}

const textOf = (value: unknown): number =>
  typeof value === 'string' ? value.length : typeof value === 'object' && value !== null ? sizeOf(value) : 8;

/** A rough size in memory: its characters and 8 for every other value, 256 for itself. */
export function sizeOf(record: object): number {
  let size = 256;
  for (const value of Object.values(record)) size += textOf(value);
  return size;
}
