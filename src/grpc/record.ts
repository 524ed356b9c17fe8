// SPDX-License-Identifier: Apache-2.0
import { create, ScalarType, toBinary } from '@bufbuild/protobuf';
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

/** A message as it is sent. */
export type Encoded = Uint8Array;

/** Encodes fields that `cleanMessage` makes a message of. Ten times smaller than the message, and done once for all who read it. */
export function encodeRecord(schema: DescMessage, fields: object): Encoded {
  return toBinary(schema, cleanMessage(schema, fields));
}

const MORE_BYTES = 0x80;

/**
 * A message that encodes to these bytes, without decoding them: they are its unknown fields, the first one with the rest as its value.
 *
 * @param bytes of a message of this schema
 */
export function messageOf<D extends DescMessage>(schema: D, bytes: Encoded): MessageShape<D> {
  const message = create(schema);
  if (bytes.length === 0) return message;
  let [tag, length] = [0, 0];
  for (let byte = MORE_BYTES; (byte & MORE_BYTES) !== 0; length++) {
    byte = bytes[length] ?? 0;
    tag |= (byte & (MORE_BYTES - 1)) << (7 * length);
  }
  return Object.assign(message, { $unknown: [{ no: tag >>> 3, wireType: tag & 7, data: bytes.subarray(length) }] });
}
