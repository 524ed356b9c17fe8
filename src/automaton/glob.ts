// SPDX-License-Identifier: Apache-2.0
import { SLASH } from './model.ts';

/** One piece of a glob. A set never holds `/`. */
export type GlobItem =
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'set'; readonly members: ByteSet }
  | { readonly kind: 'star' }
  | { readonly kind: 'doubleStar' }
  | { readonly kind: 'group'; readonly alternatives: readonly (readonly GlobItem[])[] };

/** 256 flags. */
export type ByteSet = Uint8Array;

/** What a glob is, before it is compiled. */
export interface GlobInfo {
  /** Why it is not a glob, in words for its author; absent where it is one. */
  readonly problem?: string;
  /** The literal text before the first meta character, without escapes: where every match begins. */
  readonly prefix: string;
  /** The whole text without escapes, where it has no meta character: then it is an exact path. */
  readonly literal?: string;
}

/** Bounds of one glob: bytes, ways to choose among its `{a,b}` groups, and depth of groups inside groups. */
export const GLOB_LIMITS = { maxBytes: 4096, maxAlternatives: 1024, maxDepth: 16 } as const;

/** A text that is not a glob; `message` says why. */
export class GlobError extends Error {}

const [STAR, QUESTION, OPEN_CLASS, CLOSE_CLASS] = [0x2a, 0x3f, 0x5b, 0x5d];
const [OPEN_GROUP, COMMA, CLOSE_GROUP] = [0x7b, 0x2c, 0x7d];
const [BACKSLASH, CARET, BANG, DASH] = [0x5c, 0x5e, 0x21, 0x2d];

/** All bytes but `/`. */
export const NOT_SLASH: ByteSet = new Uint8Array(256).fill(1);
NOT_SLASH[SLASH] = 0;

/**
 * Reads a glob for validation, its fixed prefix, and whether it is a plain path.
 *
 * `?` one byte but `/`; `*` any bytes but `/`; `**` (two or more stars side by side) any bytes; `[a-z]` one of these bytes;
 * `[^a]` or `[!a]` one byte but these and `/`; `{a,b}` either, may be empty, nest and hold other characters of this list;
 * `\x` the character x itself. A class never matches `/`, holds ASCII only, and writes `]` and `[` as `\]` and `\[`. A `]`
 * or `}` that closes nothing is literal. A glob that ends in `/` is no problem, but matches nothing (only `/` itself does).
 *
 * Never throws.
 */
export function parseGlob(glob: string): GlobInfo {
  try {
    const items = parseGlobItems(glob);
    const fixed = items.findIndex((item) => item.kind !== 'byte');
    const prefix = textOf(fixed < 0 ? items : items.slice(0, fixed));
    return fixed < 0 ? { prefix, literal: prefix } : { prefix };
  } catch (error) {
    if (error instanceof GlobError) return { problem: error.message, prefix: '' };
    throw error;
  }
}

/** @throws {GlobError} with what is wrong */
export function parseGlobItems(glob: string): GlobItem[] {
  if (!glob.isWellFormed()) throw new GlobError('it is not valid Unicode');
  const parser = new GlobParser(new TextEncoder().encode(glob));
  const items = parser.parse();
  const alternatives = countAlternatives(items);
  if (alternatives > GLOB_LIMITS.maxAlternatives) {
    throw new GlobError(`its {a,b} groups can be chosen in more than ${GLOB_LIMITS.maxAlternatives} ways`);
  }
  return items;
}

function textOf(items: readonly GlobItem[]): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(items, (item) => (item.kind === 'byte' ? item.byte : 0)));
}

function countAlternatives(items: readonly GlobItem[]): number {
  let ways = 1;
  for (const item of items) {
    if (item.kind === 'group') ways *= item.alternatives.reduce((sum, alternative) => sum + countAlternatives(alternative), 0);
  }
  return ways;
}

class GlobParser {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  parse(): GlobItem[] {
    if (this.#bytes.length > GLOB_LIMITS.maxBytes) throw new GlobError(`it is longer than ${GLOB_LIMITS.maxBytes} bytes`);
    if (this.#bytes.includes(0)) throw new GlobError('it holds a NUL byte, which no path has');
    return this.#sequence(0);
  }

  /** Items up to the end, or inside a group up to its `,` or `}`, which stays unread. */
  #sequence(depth: number): GlobItem[] {
    const items: GlobItem[] = [];
    while (this.#at < this.#bytes.length) {
      const byte = this.#bytes[this.#at]!;
      if (depth > 0 && (byte === COMMA || byte === CLOSE_GROUP)) break;
      items.push(this.#item(depth));
    }
    return items;
  }

  #item(depth: number): GlobItem {
    const byte = this.#bytes[this.#at++]!;
    if (byte === STAR) return { kind: this.#stars() };
    if (byte === QUESTION) return { kind: 'set', members: NOT_SLASH };
    if (byte === OPEN_CLASS) return { kind: 'set', members: this.#class() };
    if (byte === OPEN_GROUP) return { kind: 'group', alternatives: this.#group(depth + 1) };
    return { kind: 'byte', byte: byte === BACKSLASH ? this.#escaped() : byte };
  }

  #stars(): 'star' | 'doubleStar' {
    const first = this.#at;
    while (this.#bytes[this.#at] === STAR) this.#at++;
    return this.#at === first ? 'star' : 'doubleStar';
  }

  #escaped(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new GlobError('it ends in a backslash; write \\\\ for a backslash');
    return byte;
  }

  #group(depth: number): GlobItem[][] {
    if (depth > GLOB_LIMITS.maxDepth) throw new GlobError(`its {a,b} groups nest deeper than ${GLOB_LIMITS.maxDepth}`);
    const alternatives: GlobItem[][] = [];
    for (;;) {
      alternatives.push(this.#sequence(depth));
      const end = this.#bytes[this.#at++];
      if (end === CLOSE_GROUP) return alternatives;
      if (end === undefined) throw new GlobError('a { is never closed; write \\{ for the character itself');
    }
  }

  #class(): ByteSet {
    const negated = this.#bytes[this.#at] === CARET || this.#bytes[this.#at] === BANG;
    if (negated) this.#at++;
    const named = new Uint8Array(256);
    let empty = true;
    while (this.#bytes[this.#at] !== CLOSE_CLASS) {
      const first = this.#classByte();
      let last = first;
      if (this.#rangeFollows()) {
        this.#at++;
        last = this.#classByte();
      }
      if (last < first) throw new GlobError(`the range ${String.fromCharCode(first, DASH, last)} is empty; its ends are swapped`);
      named.fill(1, first, last + 1);
      empty = false;
    }
    this.#at++;
    if (empty) throw new GlobError('a [] names no character; write \\] for the character itself');
    const members = negated ? named.map((flag) => 1 - flag) : named;
    members[SLASH] = 0;
    if (!members.includes(1)) throw new GlobError('a [class] matches nothing: a class never matches /');
    return members;
  }

  /** A dash is a range only between two characters. */
  #rangeFollows(): boolean {
    const next = this.#bytes[this.#at + 1];
    return this.#bytes[this.#at] === DASH && next !== undefined && next !== CLOSE_CLASS;
  }

  #classByte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new GlobError('a [ is never closed; write \\[ for the character itself');
    if (byte === OPEN_CLASS) throw new GlobError('a [ inside a [class] must be written \\[; [:names:] are not known');
    const value = byte === BACKSLASH ? this.#escaped() : byte;
    if (value >= 0x80) throw new GlobError('a [class] can hold ASCII characters only; write {ä,ö} for others');
    return value;
  }
}
