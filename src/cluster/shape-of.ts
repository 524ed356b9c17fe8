// SPDX-License-Identifier: Apache-2.0
import type { Shape } from '#policy';

/** The shape of a type of ours: the compiler wants every field of it, no other, and each of its own type. */
export type ShapeOf<T> = Documented &
  (T extends string
    ? { readonly type: 'text' } | { readonly type: 'word'; readonly words: readonly string[] }
    : T extends number
      ? { readonly type: 'integer' }
      : T extends boolean
        ? { readonly type: 'flag' }
        : T extends readonly (infer Item)[]
          ? { readonly type: 'list'; readonly item: ShapeOf<Item>; readonly key?: keyof Item & string }
          : string extends keyof T
            ? { readonly type: 'map'; readonly value: ShapeOf<T[string & keyof T]>; readonly atomic?: true }
            : ObjectShape<T>);

type Documented = Pick<Shape, 'doc'>;
type ObjectShape<T> = {
  readonly type: 'object';
  readonly fields: { readonly [K in keyof T]-?: ShapeOf<NonNullable<T[K]>> };
  readonly required: readonly (keyof T & string)[];
};

/** Short ways to write shapes of what our programs write; nothing is required, so a newer program may leave something out. */
export const text = (doc: string) => ({ type: 'text', doc }) as const;
export const time = (doc: string) => text(`${doc} RFC 3339.`);
export const count = (doc: string) => ({ type: 'integer', doc }) as const;
export const words = (doc: string, ...of: readonly string[]) => ({ type: 'word', words: of, doc }) as const;
export const fields = <T>(doc: string, of: ObjectShape<T>['fields']) => ({ type: 'object', doc, fields: of, required: [] }) as const;
export const list = <T>(doc: string, item: ShapeOf<T>) => ({ type: 'list', doc, item }) as const;
