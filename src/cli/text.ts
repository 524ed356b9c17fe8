// SPDX-License-Identifier: Apache-2.0

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
/** A piece of a line; only the program chooses a colour, never the text. */
export type Span = string | { readonly text: string; readonly colour: Colour };
export type Text = Span | readonly Span[];

const SGR: { readonly [K in Colour]: number } = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 };

/*
 * C0, DEL, C1, line separators, and the marks that reorder or hide text (bidi overrides and isolates, zero width): names and
 * arguments come from containers, and a terminal would obey them.
 */
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;
const LONE_SURROGATE = /\p{Surrogate}/gu;

const hex = (unit: number, width: number): string => unit.toString(16).padStart(width, '0');

function escapeUnit(character: string): string {
  const unit = character.charCodeAt(0);
  return unit < 0x100 ? `\\x${hex(unit, 2)}` : `\\u${hex(unit, 4)}`;
}

/** One line that a terminal only prints: control and reordering characters become visible escapes. A tab stays. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escapeUnit).replace(LONE_SURROGATE, '\ufffd');
}

/** JSON text with the same characters as `\uXXXX`: the same value for every parser. Line ends between tokens stay. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (character) => (character === '\n' ? character : `\\u${hex(character.charCodeAt(0), 4)}`));
}

/** Renders a line for a stream; colours only where the stream wants them. */
export function renderText(text: Text, coloured: boolean): string {
  const spans: readonly Span[] = typeof text === 'string' || 'text' in text ? [text] : text;
  return spans
    .map((span) => {
      if (typeof span === 'string') return printable(span);
      const clean = printable(span.text);
      return coloured && clean !== '' ? `\u001b[${SGR[span.colour]}m${clean}\u001b[0m` : clean;
    })
    .join('');
}
