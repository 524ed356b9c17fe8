// SPDX-License-Identifier: Apache-2.0

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
/** A piece of a line; only the program chooses a colour, never the text. */
export type Span = string | { readonly text: string; readonly colour: Colour };
export type Text = Span | readonly Span[];

const SGR: { readonly [K in Colour]: number } = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 };

/*
 * Controls (C0 without tab, DEL, C1), line separators, marks that reorder or hide text, tags: names and arguments come from containers,
 * and a terminal would obey them.
 */
const UNSAFE =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const LONE_SURROGATE = /\p{Surrogate}/gu;

const hex = (unit: number, width: number): string => unit.toString(16).padStart(width, '0');

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
}

/** As JSON spells it: one escape for each UTF-16 unit. */
function jsonEscape(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`).join('');
}

/** One line that a terminal only prints: control and reordering characters become visible escapes. A tab stays. */
export function printable(text: string): string {
  return text.replace(UNSAFE, visible).replace(LONE_SURROGATE, '\ufffd');
}

/** JSON text with the same characters as `\uXXXX`: the same value for every parser. Line ends between tokens stay. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (character) => (character === '\n' ? character : jsonEscape(character)));
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
