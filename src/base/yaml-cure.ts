// SPDX-License-Identifier: Apache-2.0

/** Cures that depend on what the library says besides its code. */
const BY_TEXT: readonly (readonly [says: RegExp, cure: string])[] = [
  [/end with a \]/, 'close the list with `]`, or indent what belongs into it'],
  [/end with a \}/, 'close the map with `}`, or indent what belongs into it'],
  [/^Missing closing/, 'close the quote'],
  [/reserved character|cannot start with/, 'quote the value'],
  [/flow-(seq|map)-end/, 'remove the bracket, or open it before'],
  [/compact mappings/, 'quote the value if its `:` is meant as it is, or put the nested map on lines of its own'],
];

const BY_CODE: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces, not with tabs',
  BAD_INDENT: 'align it with its neighbours, two spaces a level',
  BLOCK_AS_IMPLICIT_KEY: 'put the nested map on lines of its own, or quote the value',
  MULTILINE_IMPLICIT_KEY: 'is a `:` missing on the line before?',
  MISSING_CHAR: 'close the quote, bracket or brace, or add the missing `:`',
  UNEXPECTED_TOKEN: 'quote the value if it holds : # [ ] { } , & * ! | > % or @',
  BAD_ALIAS: 'quote a value that starts with `*`',
  TAG_RESOLVE_FAILED: 'remove the `!tag`',
};

/** What to do about an error of the `yaml` library, whose messages say only what is wrong. */
export function yamlCure({ code, message }: { readonly code: string; readonly message: string }): string {
  return BY_TEXT.find(([says]) => says.test(message))?.[1] ?? BY_CODE[code] ?? 'correct the YAML';
}
