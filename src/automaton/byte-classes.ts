// SPDX-License-Identifier: Apache-2.0
import { FIRST_BYTE_CLASS, SLASH } from './model.ts';
import type { PatternTrie } from './pattern-trie.ts';

/** Bytes that all patterns treat alike, and what the byte sets of one trie look like in terms of them. */
export interface ByteClasses {
  /** Byte to class: 0 for those like 0xff, else from FIRST_BYTE_CLASS on, in the order of the bytes. */
  readonly classOf: Uint8Array;
  /** Classes in use, highest + 1. */
  readonly end: number;
  /** Per set of the trie: class to membership. */
  readonly members: readonly Uint8Array[];
  /** Per set: the classes that are in it if class 0 is not, or the other way round. */
  readonly exceptions: readonly (readonly number[])[];
}

/**
 * Splits the bytes into classes, the same for all tries; gives one answer a trie.
 *
 * 0xff stands for "any other byte": UTF-8 never holds it and classes hold ASCII only, so no pattern names it. As UTF-8
 * never holds 12 more bytes either, at most 243 classes are left and numbers stay below 255.
 */
export function computeByteClasses(tries: readonly PatternTrie[]): ByteClasses[] {
  const named = new Uint8Array(256);
  named[SLASH] = 1;
  named[0] = 1; // also what nodes have that no byte leads to
  for (const trie of tries) for (let node = 1; node < trie.size; node++) named[trie.byte[node]!] = 1;
  const sets = tries.flatMap((trie) => trie.sets);

  const classOf = new Uint8Array(256);
  const signature = (byte: number): string => (named[byte] === 1 ? `=${byte}` : sets.map((set) => set[byte]).join(''));
  const ids = new Map([[signature(0xff), 0]]);
  let end = FIRST_BYTE_CLASS;
  for (let byte = 0; byte < 256; byte++) {
    const key = signature(byte);
    if (!ids.has(key)) ids.set(key, end++);
    classOf[byte] = ids.get(key)!;
  }

  return tries.map((trie) => {
    const members = trie.sets.map((set) => {
      const byClass = new Uint8Array(end);
      for (let byte = 0; byte < 256; byte++) byClass[classOf[byte]!] = set[byte]!;
      return byClass;
    });
    const exceptions = members.map((set) => Array.from(set.keys()).filter((c) => c >= FIRST_BYTE_CLASS && set[c] !== set[0]));
    return { classOf, end, members, exceptions };
  });
}
