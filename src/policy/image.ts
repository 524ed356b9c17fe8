// SPDX-License-Identifier: Apache-2.0
import { ACCEPT_CLASS, REACH_CLASS, UNUSED_CELL } from '#automaton';
import type { Automaton } from '#automaton';
import { ENTRY, IMAGE_HEAD } from './image-layout.gen.ts';

/** Words of the three size classes: 64 KiB, 1 MiB, 4 MiB. @source bpf/image.h */
export const IMAGE_CLASS_WORDS = [1 << 14, 1 << 18, 1 << 20] as const;
const MAGIC = 0x4b41494d;
const CLASSES_BYTE = 256;
const FIRST_FREE_WORD = CLASSES_BYTE / 4 + 64;
export const ENTRY_WORDS = ENTRY.size / 4;
/** Word of the image that an enforcer sets to the image's id. */
export const imageIdWord: number = IMAGE_HEAD.offsets.id / 4;

/** One entry of a list, in the order of `struct entry`. */
export interface ImageEntry {
  readonly rank: number;
  readonly rule: number;
  readonly subject: number;
  readonly what: number;
  readonly applet: number;
}

/** Word indexes of the records that accept and reach indexes stand for. */
interface AutomatonRecords {
  readonly records: readonly number[];
  readonly reaches: readonly number[];
}

/** Ends a compilation whose image would be longer than the biggest size class; caught by `compile` only. */
export class ImageFull extends Error {}

export type HeadField = keyof typeof IMAGE_HEAD.offsets;

/**
 * Writes an image word by word (bpf/image.h). Equal lists and records are written once.
 *
 * Word indexes stay below the biggest size class, and far below the 2^24 that a cell can name. Whatever is longer ends in
 * {@link ImageFull}.
 */
export class ImageWriter {
  #words = new Uint32Array(1 << 14);
  #used = FIRST_FREE_WORD;
  readonly #seen = new Map<string, number>();

  constructor() {
    this.setHead('magic', MAGIC);
  }

  setHead(field: HeadField, value: number, index = 0): void {
    this.#words[IMAGE_HEAD.offsets[field] / 4 + index] = value;
  }

  /** Appends words; gives the index of the first. The same words are written once. */
  put(words: readonly number[]): number {
    const key = words.join();
    const seen = this.#seen.get(key);
    if (seen !== undefined) return seen;
    const at = this.#reserve(words.length);
    this.#words.set(words, at);
    this.#seen.set(key, at);
    return at;
  }

  /** A list of entries (`struct list`), 0 for an empty one. */
  putList(verdicts: readonly ImageEntry[], audits: readonly ImageEntry[]): number {
    if (verdicts.length + audits.length === 0) return 0;
    const words = [verdicts.length, audits.length];
    for (const e of [...verdicts, ...audits]) words.push(e.rank, e.rule, e.subject, e.what, e.applet);
    return this.put(words);
  }

  /** The k-th automaton's tables, with states as word indexes and accept and reach cells naming records. All have the same classes. */
  putAutomaton(k: number, automaton: Automaton, { records, reaches }: AutomatonRecords): void {
    new Uint8Array(this.#words.buffer).set(automaton.classes, CLASSES_BYTE);
    const at = this.#reserve(automaton.cells.length);
    const out = this.#words;
    for (const [i, cell] of automaton.cells.entries()) {
      const value = cell >>> 8;
      const byteClass = cell & 0xff;
      let next = value === 0 ? 0 : value + at;
      if (byteClass === ACCEPT_CLASS) next = records[value] ?? 0;
      else if (byteClass === REACH_CLASS) next = reaches[value] ?? 0;
      out[at + i] = cell === UNUSED_CELL ? UNUSED_CELL : ((next << 8) | byteClass) >>> 0;
    }
    this.setHead('starts', automaton.start === 0 ? 0 : automaton.start + at, k);
  }

  get length(): number {
    return this.#used;
  }

  /** The image, as long as what was written. */
  finish(): Uint32Array {
    this.setHead('words', this.#used);
    return this.#words.slice(0, this.#used);
  }

  #reserve(length: number): number {
    const at = this.#used;
    this.#used += length;
    if (this.#used > IMAGE_CLASS_WORDS.at(-1)!) throw new ImageFull();
    if (this.#used > this.#words.length) {
      const grown = new Uint32Array(2 ** Math.ceil(Math.log2(this.#used)));
      grown.set(this.#words);
      this.#words = grown;
    }
    return at;
  }
}

/** FNV-1a of a string's UTF-8 bytes, 32 bits, never 0. @source draft-eastlake-fnv, the kernel side is in bpf/lib/argv.h */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash === 0 ? 1 : hash;
}
