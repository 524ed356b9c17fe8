// SPDX-License-Identifier: Apache-2.0

/**
 * DER, as far as our own certificates need it: it is written here and never read; Node's X509Certificate reads.
 *
 * @source ITU-T X.690
 */
export type Der = Uint8Array;

const TAG = { boolean: 1, integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, utcTime: 23, longTime: 24, sequence: 48, set: 49 } as const;

/** One value: tag, length, content. */
function value(tag: number, ...parts: readonly Der[]): Der {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(tag), lengthOf(content.length), content]);
}

function lengthOf(size: number): Der {
  if (size < 0x80) return Uint8Array.of(size);
  const bytes = bigEndian(size);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

function bigEndian(number: number): number[] {
  const bytes: number[] = [];
  for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
}

export const sequence = (...parts: readonly Der[]): Der => value(TAG.sequence, ...parts);
export const setOf = (one: Der): Der => value(TAG.set, one);
export const boolean = (is: boolean): Der => value(TAG.boolean, Uint8Array.of(is ? 0xff : 0));
export const octets = (content: Der): Der => value(TAG.octets, content);
export const utf8 = (text: string): Der => value(TAG.utf8, Buffer.from(text));
/** `[number]` around a value. */
export const explicit = (number: number, inner: Der): Der => value(0xa0 | number, inner);
/** `[number]` in place of a primitive value's own tag. */
export const implicit = (number: number, content: Der): Der => value(0x80 | number, content);

/** A positive integer of these bytes, the highest first and not 0. */
export function integer(bytes: Der): Der {
  return value(TAG.integer, (bytes[0] ?? 0) >= 0x80 ? Uint8Array.of(0, ...bytes) : bytes);
}

/** @param unused bits of the last byte that do not count, 0 to 7 */
export const bits = (content: Der, unused = 0): Der => value(TAG.bits, Uint8Array.of(unused), content);

/** An object identifier from its dotted form. */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return value(TAG.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(number: number): number[] {
  const bytes = [number % 128];
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) + 128);
  return bytes;
}

/** To the second; years to 2049 in the short form. @source RFC 5280, section 4.1.2.5 */
export function time(at: Date): Der {
  const digits = at.toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  const isLong = at.getUTCFullYear() >= 2050;
  return value(isLong ? TAG.longTime : TAG.utcTime, Buffer.from(`${isLong ? digits : digits.slice(2)}Z`));
}
