// SPDX-License-Identifier: Apache-2.0

/** Words that kubectl takes for booleans where they are not quoted. */
const WORDS: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

/** Integers that YAML 1.2 reads otherwise: with a sign, in base 16, 2 or 8. */
const BASED = /^([-+]?)0(?:x([\da-f]+)|b([01]+)|o?([0-7]+))$/i;

/**
 * A scalar without quotes as kubectl reads it: in YAML 1.1 as far as Go programs know it. The API server gets what kubectl made of the
 * text, so whoever checks a file must read it alike: `on` is true there, `010` is 8, `1_000` is 1000.
 *
 * @param source as it stands in the text
 * @param value as YAML 1.2 reads it
 * @source sigs.k8s.io/yaml v1.4, goyaml.v2/resolve.go; seen with kubectl 1.32
 */
export function plainScalar(source: string, value: unknown): unknown {
  if (Object.hasOwn(WORDS, source)) return WORDS[source];
  if (!/^[-+.\d]/.test(source)) return value;
  const digits = source.replaceAll('_', '');
  const [, sign = '', hex, binary, octal] = BASED.exec(digits) ?? [];
  if (hex !== undefined) return Number.parseInt(sign + hex, 16);
  if (binary !== undefined) return Number.parseInt(sign + binary, 2);
  if (octal !== undefined) return Number.parseInt(sign + octal, 8);
  return digits !== source && /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(digits) ? Number(digits) : value;
}
