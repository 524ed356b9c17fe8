// SPDX-License-Identifier: Apache-2.0
import { SLASH } from './model.ts';
import type { Automaton } from './model.ts';
import { acceptOf, runPrefix } from './run.ts';

/** Longest path and component that Linux takes (limits.h: PATH_MAX with its NUL, NAME_MAX). */
const [MAX_PATH_BYTES, MAX_NAME_BYTES] = [4095, 255] as const;
const DOT = 0x2e;

/** Where in a path a byte string ends: tells whether it is a path that a kernel can show. */
const [EMPTY, ROOT, AFTER_SLASH, ONE_DOT, TWO_DOTS, IN_NAME] = [0, 1, 2, 3, 4, 5] as const;
const PLACES = 6;

/** What stands for a class. `tail` bytes continue a UTF-8 character, `leads` begin one. */
interface ByteChoice {
  readonly ascii: readonly number[];
  readonly leads: readonly number[];
  readonly tails: readonly number[];
}

/**
 * A shortest path that a kernel can show (absolute, no empty, `.` or `..` component, no trailing slash, valid UTF-8) and
 * whose accept set pleases `accept`. Printable ASCII is tried first: another path is given only where no such path exists.
 *
 * @param budget states visited at most; where it ends the answer is undefined
 * @returns undefined also where no such path exists, or only ones longer than 4,095 bytes or with a name over 255
 */
export function witness(automaton: Automaton, accept: (set: readonly number[]) => boolean, budget: number): string | undefined {
  const wanted = automaton.accepts.map(accept);
  if (!wanted.includes(true)) return undefined;
  const printable = new WitnessSearch(automaton, wanted, budget);
  const found = printable.search(byteChoices(automaton, (byte) => byte > 0x20 && byte < 0x7f));
  if (found !== undefined || printable.left <= 0) return found;
  return new WitnessSearch(automaton, wanted, printable.left).search(byteChoices(automaton, (byte) => byte !== 0));
}

/** A path for each accept set of an automaton. */
export interface Witnesses {
  /** By accept index; undefined where no path has that set, or none was found. */
  readonly paths: readonly (string | undefined)[];
  /** A path that no pattern matches; undefined where every path is matched, or none was found. */
  readonly unmatched: string | undefined;
  /** Whether each set without a path has none; else the budget ended, or only paths that are too long were met. */
  readonly complete: boolean;
}

/**
 * As {@link witness}, for every accept set at once, and for no match at all.
 *
 * @param budget states visited at most
 */
export function witnesses(automaton: Automaton, budget: number): Witnesses {
  const found: (string | undefined)[] = automaton.accepts.map(() => undefined);
  const unmatched = automaton.accepts.length;
  const printable = new WitnessSearch(automaton, [...found.map(() => true), true], budget);
  printable.searchAll(
    byteChoices(automaton, (byte) => byte > 0x20 && byte < 0x7f),
    found,
  );
  const rest = new WitnessSearch(
    automaton,
    Array.from({ length: unmatched + 1 }, (_, i) => found[i] === undefined),
    printable.left,
  );
  rest.searchAll(
    byteChoices(automaton, (byte) => byte !== 0),
    found,
  );
  return { paths: found.slice(0, unmatched), unmatched: found[unmatched], complete: rest.left > 0 && !rest.metTooLong };
}

class WitnessSearch {
  readonly #automaton: Automaton;
  readonly #wanted: readonly boolean[];
  left: number;
  /** Whether a state was met whose shortest path is too long for a kernel. */
  metTooLong = false;
  // Nodes of the search, breadth first: state, where in a path, tail bytes still due; how each was reached.
  readonly #states: number[] = [];
  readonly #places: number[] = [];
  readonly #due: number[] = [];
  readonly #parents: number[] = [];
  readonly #bytes: number[] = [];
  readonly #seen = new Set<number>();
  #keepDead = false;

  constructor(automaton: Automaton, wanted: readonly boolean[], budget: number) {
    this.#automaton = automaton;
    this.#wanted = wanted;
    this.left = budget;
  }

  search(choices: readonly ByteChoice[]): string | undefined {
    this.#add(-1, { byte: 0, state: this.#automaton.start, place: EMPTY, due: 0 });
    for (let node = 0; node < this.#states.length && this.left-- > 0; node++) {
      const found = this.#isWanted(node) ? this.#pathTo(node) : undefined;
      if (found !== undefined) return found;
      for (const byte of this.#nextBytes(node, choices)) this.#follow(node, byte);
    }
    return undefined;
  }

  /** Fills `found` by accept index; the index behind the last is for what nothing matches. */
  searchAll(choices: readonly ByteChoice[], found: (string | undefined)[]): void {
    let missing = this.#wanted.filter((wanted) => wanted).length;
    this.#keepDead = true;
    this.#add(-1, { byte: 0, state: this.#automaton.start, place: EMPTY, due: 0 });
    for (let node = 0; node < this.#states.length && missing > 0 && this.left-- > 0; node++) {
      if (this.#isPath(node) && this.#take(node, found)) missing--;
      if (this.#states[node] !== 0 || this.#due[node] !== 0 || node === 0)
        for (const byte of this.#nextBytes(node, choices)) this.#follow(node, byte);
    }
  }

  /** Notes the path to a node where its set is wanted and was not met. */
  #take(node: number, found: (string | undefined)[]): boolean {
    const index = this.#acceptIndex(node);
    if (this.#wanted[index] !== true || found[index] !== undefined) return false;
    found[index] = this.#pathTo(node);
    if (found[index] === undefined) this.metTooLong = true;
    return found[index] !== undefined;
  }

  #acceptIndex(node: number): number {
    const state = this.#states[node]!;
    const index = state === 0 ? -1 : acceptOf(this.#automaton, state);
    return index < 0 ? this.#automaton.accepts.length : index;
  }

  #isPath(node: number): boolean {
    const place = this.#places[node];
    return this.#due[node] === 0 && (place === ROOT || place === IN_NAME);
  }

  #isWanted(node: number): boolean {
    return this.#isPath(node) && this.#wanted[acceptOf(this.#automaton, this.#states[node]!)] === true;
  }

  #nextBytes(node: number, choices: readonly ByteChoice[]): number[] {
    if (this.#due[node]! > 0) return choices.flatMap((choice) => choice.tails);
    return choices.flatMap((choice) => (choice.ascii.length > 0 ? choice.ascii : choice.leads));
  }

  #follow(node: number, byte: number): void {
    const place = nextPlace(this.#places[node]!, byte);
    if (place === undefined) return;
    const state = runPrefix(this.#automaton, Uint8Array.of(byte), this.#states[node]);
    const due = byte < 0x80 ? 0 : byte < 0xc0 ? this.#due[node]! - 1 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (state !== 0 || this.#keepDead) this.#add(node, { byte, state, place, due });
  }

  #add(parent: number, to: { byte: number; state: number; place: number; due: number }): void {
    const key = (to.state * PLACES + to.place) * 4 + to.due;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#states.push(to.state);
    this.#places.push(to.place);
    this.#due.push(to.due);
    this.#parents.push(parent);
    this.#bytes.push(to.byte);
  }

  /** The path that led here, unless it is too long or not UTF-8. */
  #pathTo(node: number): string | undefined {
    const bytes: number[] = [];
    for (let at = node; at > 0; at = this.#parents[at]!) bytes.push(this.#bytes[at]!);
    if (bytes.length > MAX_PATH_BYTES) return undefined;
    const path = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes.reverse()));
    if (path.split('/').some((name) => new TextEncoder().encode(name).length > MAX_NAME_BYTES)) return undefined;
    return runPrefix(this.#automaton, path) === this.#states[node] ? path : undefined;
  }
}

/** Where one more byte leads; undefined where it makes a string that is no path. */
function nextPlace(place: number, byte: number): number | undefined {
  if (place === EMPTY) return byte === SLASH ? ROOT : undefined;
  if (byte === SLASH) return place === IN_NAME ? AFTER_SLASH : undefined;
  if (byte !== DOT) return IN_NAME;
  if (place === ROOT || place === AFTER_SLASH) return ONE_DOT;
  return place === ONE_DOT ? TWO_DOTS : IN_NAME;
}

/** Bytes that stand for their class: letters, digits, the rest of ASCII with the dot last (it is not always allowed), leads that any tail can follow. */
const NICEST_FIRST: readonly number[] = [
  ...new Set([
    ...new TextEncoder().encode('abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
    ...Array.from({ length: 0x5e }, (_, i) => 0x21 + i).filter((byte) => byte !== DOT),
    DOT,
    0xa1,
    0xe1,
    0xf1,
    ...Array.from({ length: 256 }, (_, i) => i),
  ]),
];

function byteChoices(automaton: Automaton, allowed: (byte: number) => boolean): ByteChoice[] {
  const byClass = Map.groupBy(NICEST_FIRST.filter(allowed), (byte) => automaton.classes[byte]!);
  return Array.from(byClass.values(), (bytes) => {
    const first = (from: number, to: number): number[] => bytes.filter((byte) => byte >= from && byte < to).slice(0, 1);
    // RFC 3629: leads of 2, 3 and 4 bytes, and the tails that all of them take
    return { ascii: first(0, 0x80), leads: [...first(0xc2, 0xe0), ...first(0xe0, 0xf0), ...first(0xf0, 0xf5)], tails: first(0x80, 0xc0) };
  });
}
