// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { nested, SNIPPETS } from '#policy/testing';

/** One change of some bytes: `what` says which, `at` where, `length` how much of it. */
interface Edit {
  readonly what: 'cut' | 'put' | 'flip' | 'double' | 'repeat' | 'end';
  readonly at: number;
  readonly length: number;
  readonly put: Uint8Array;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  what: fc.constantFrom('cut', 'put', 'put', 'flip', 'double', 'repeat', 'end'),
  at: fc.nat(),
  length: fc.nat({ max: 24 }),
  put: fc.oneof(
    fc.constantFrom(...SNIPPETS).map((text) => new Uint8Array(Buffer.from(text))),
    fc.uint8Array({ maxLength: 6 }),
  ),
});

function change(bytes: Buffer, { what, at, length, put }: Edit): Buffer {
  const place = at % (bytes.length + 1);
  const [before, piece, after] = [bytes.subarray(0, place), bytes.subarray(place, place + length), bytes.subarray(place + length)];
  switch (what) {
    case 'cut':
      return Buffer.concat([before, after]);
    case 'put':
      return Buffer.concat([before, put, piece, after]);
    case 'flip':
      return Buffer.concat([before, piece.map((byte) => byte ^ (1 << (at % 8))), after]);
    case 'double':
      return Buffer.concat([before, piece, piece, after]);
    case 'repeat': // what makes a careless parser slow
      return Buffer.concat([before, ...Array.from({ length: 200 }, () => piece), after]);
    case 'end':
      return before;
  }
}

/** Valid bytes with some changes, or bytes that were never valid. */
export function mutated(valid: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  const changed = fc
    .tuple(fc.constantFrom(...valid), fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([bytes, edits]) => edits.reduce(change, Buffer.from(bytes)));
  return fc.oneof(
    { weight: 9, arbitrary: changed },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  );
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    '',
    '/',
    '/a',
    '/a/*',
    '/a/',
    '[',
    '**',
    'tcp,udp',
    'In',
    'Block',
    'block',
    'label',
  ),
  fc.constantFrom<unknown>([], {}, [null], [[]], { '': '' }, { path: '/a' }, { __proto__: 1 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
);

/** A value with some of its parts replaced, taken out, doubled or renamed: still of a document's shape. */
export function restructured(valid: readonly unknown[]): fc.Arbitrary<unknown> {
  const operation = fc.record({ seed: fc.nat(), what: fc.constantFrom('replace', 'remove', 'double', 'rename', 'wrap'), odd });
  return fc
    .tuple(fc.constantFrom(...valid), fc.array(operation, { minLength: 1, maxLength: 4 }))
    .map(([value, operations]) => operations.reduce((made, one) => alter(made, one.seed, one), structuredClone(value)));
}

/** The same, and half of them with a part that is lists in lists, to the depth that the API server takes. */
export function deepened(valid: readonly unknown[]): fc.Arbitrary<unknown> {
  const depth = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 10_000 }));
  return fc
    .tuple(restructured(valid), fc.nat(), depth)
    .map(([value, seed, levels]) => (levels === 0 ? value : alter(value, seed, { what: 'replace', odd: nested(levels) })));
}

interface Operation {
  readonly what: string;
  readonly odd: unknown;
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Goes down by the digits of a number and changes what is there. */
function alter(value: unknown, seed: number, operation: Operation): unknown {
  const goesOn = seed % 7 !== 0;
  if (goesOn && Array.isArray(value) && value.length > 0) return alterList(value as readonly unknown[], seed, operation);
  if (goesOn && isFields(value) && Object.keys(value).length > 0) return alterFields(value, seed, operation);
  return operation.what === 'wrap' ? [value] : operation.odd;
}

function alterList(list: readonly unknown[], seed: number, operation: Operation): unknown {
  const index = seed % list.length;
  if (operation.what === 'double') return [...list, list[index]];
  if (operation.what === 'remove') return list.toSpliced(index, 1);
  return list.with(index, alter(list[index], Math.floor(seed / 7), operation));
}

function alterFields(value: Fields, seed: number, operation: Operation): unknown {
  const keys = Object.keys(value);
  const key = keys[seed % keys.length]!;
  const { [key]: part, ...rest } = value;
  if (operation.what === 'remove' && seed % 3 === 0) return rest;
  if (operation.what === 'rename' && seed % 3 === 0) return { ...rest, [`${key}s`]: part };
  return { ...value, [key]: alter(part, Math.floor(seed / 7), operation) };
}
