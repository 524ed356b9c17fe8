// SPDX-License-Identifier: Apache-2.0
import { isMap } from '#policy';

/** What the API server sends is read as untrusted data: own properties, and of the type that is expected. */
export type Fields = Readonly<Record<string, unknown>>;

/** Anything but a map is an empty one. */
export const fieldsOf = (value: unknown): Fields => (isMap(value) ? value : {});

/** Own properties only: a label may be called `constructor`. */
export const fieldOf = (value: unknown, name: string): unknown => {
  const fields = fieldsOf(value);
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
};

/** @returns undefined where it is no text */
export function textOf(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : undefined;
}

/** A map of texts, like labels; what is no text is left out. */
export const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fieldsOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

export const listOf = (value: unknown, name: string): readonly unknown[] => {
  const field = fieldOf(value, name);
  return Array.isArray(field) ? field : [];
};
