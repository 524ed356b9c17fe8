// SPDX-License-Identifier: Apache-2.0

/**
 * Characters with a power over terminals and readers: C0, DEL and C1 controls (escape sequences, line breaks), line and
 * paragraph separators, marks that reorder or hide text, tags, lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const escapeOf = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x09) return '\\t';
  if (code === 0x0a) return '\\n';
  if (code === 0x0d) return '\\r';
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16)}}`;
};

/** The text on one line, as it can be shown: containers choose names, paths and arguments, and terminals obey controls. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escapeOf);

const unitEscape = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/**
 * A JSON string as Go's encoder writes it (`<`, `>`, `&` escaped), and beyond it everything that `printable` escapes, so
 * that JSON on a terminal is as harmless; the value is the same. Lone surrogates become U+FFFD.
 */
export function jsonString(text: string): string {
  return JSON.stringify(text.toWellFormed())
    .replace(/[<>&]/g, (character) => unitEscape(character.charCodeAt(0)))
    .replace(UNPRINTABLE, (character) => Array.from({ length: character.length }, (_, i) => unitEscape(character.charCodeAt(i))).join(''));
}
