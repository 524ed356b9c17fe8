// SPDX-License-Identifier: Apache-2.0

/**
 * What a part of a document may be, as data: the resource definitions of a cluster are made of it.
 *
 * It says which types are taken, not which values: of texts, words and numbers the reader judges more (patterns, limits, case).
 * Everywhere `null` stands for absent.
 */
export type Shape = {
  /** For those who write the field: one or two short sentences. */
  readonly doc?: string;
} & (
  | { readonly type: 'text' | 'textOrInteger' | 'flag' }
  | { readonly type: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly type: 'word'; readonly words: readonly string[] }
  /** `key`: the field by which entries are told apart; else only the place in the list does. */
  | { readonly type: 'list'; readonly item: Shape; readonly key?: string }
  /** `atomic`: written as one, so that no part of it has an owner of its own. */
  | { readonly type: 'map'; readonly value: Shape; readonly atomic?: true }
  | { readonly type: 'object'; readonly fields: Readonly<Record<string, Shape>>; readonly required: readonly string[] }
  | { readonly type: 'listOrMap' | 'anything' }
);
