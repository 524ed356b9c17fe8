// SPDX-License-Identifier: Apache-2.0
import type { LimitExceeded, Pattern } from '#automaton';
import { compileGroups } from './compile-groups.ts';
import { ACCESS, IMAGE_FLAG, VERDICT } from './image-layout.gen.ts';
import { fnv1a } from './image.ts';
import type { ImageEntry, ImageWriter } from './image.ts';
import type { Lowered } from './lower.ts';
import { CLASS_UNKNOWN } from './subjects.ts';
import type { SubjectTable } from './subjects.ts';

/** The path that names the runtime as a subject before a container's first exec. */
export const RUNTIME_SUBJECT = '/runc';

interface Line {
  readonly lowered: Lowered;
  readonly entry: ImageEntry;
}

const VERDICT_OF = { Allow: VERDICT.ALLOW, Block: VERDICT.BLOCK, Audit: VERDICT.AUDIT } as const;

/** Equal patterns have equal keys, and no others. */
function keyOf(pattern: Pattern): string {
  switch (pattern.kind) {
    case 'exact':
      return `p${pattern.path}`;
    case 'glob':
      return `g${pattern.glob}`;
    case 'execname':
      return `n${pattern.name}`;
    case 'dir':
      return `${pattern.recursive ? 'r' : 'd'}${pattern.dir}`;
  }
}

/** By precedence; at equal rank Block first, then the lower rule id, so that the order never depends on arrival. */
function compareLines(a: Line, b: Line): number {
  const block = (line: Line): number => (line.lowered.action === 'Block' ? 0 : 1);
  return a.entry.rank - b.entry.rank || block(a) - block(b) || a.entry.rule - b.entry.rule || a.entry.what - b.entry.what;
}

/**
 * Drops what can never be reached: the accesses that an entry without subject and condition already decides. Only behind
 * entries that match in every name space: an Allow entry does not hide a Block entry from a foreign path.
 */
function prune(lines: readonly Line[]): ImageEntry[] {
  const kept: ImageEntry[] = [];
  let covered = 0;
  for (const { entry, lowered } of lines) {
    const access = lowered.access & ~covered;
    if (access === 0) continue;
    kept.push({ ...entry, what: (entry.what & ~0xff) | access });
    if (entry.subject === 0 && lowered.condition === 0 && entry.applet === 0 && lowered.action !== 'Allow') covered |= access;
  }
  return kept;
}

/** The path rules of a workload: patterns, and what each set of matching patterns means. */
export class PathTables {
  /** `IMAGE_FLAG` bits that follow from the rules. */
  flags = 0;
  readonly #subjects: SubjectTable;
  readonly #patterns: Pattern[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #lines: Line[][] = [];
  readonly #isSubject: boolean[] = [];
  /** All lines by precedence, and the places in it of each pattern's: known when all are added. */
  #ordered: readonly Line[] = [];
  #places: readonly (readonly number[])[] = [];

  constructor(subjects: SubjectTable) {
    this.#subjects = subjects;
  }

  /** The index of a pattern that names a subject. */
  internSubject(pattern: Pattern): number {
    const index = this.#intern(pattern);
    this.#isSubject[index] = true;
    return index;
  }

  add(lowered: Lowered, rule: number, subject: number): void {
    if (lowered.action === 'Block') this.flags |= IMAGE_FLAG.BLOCK_PATH;
    if (lowered.action === 'Block' && lowered.access & ACCESS.MAPX) this.flags |= IMAGE_FLAG.MAPX;
    const what = lowered.access | (lowered.condition << 8) | (VERDICT_OF[lowered.action] << 16);
    if (lowered.applet !== undefined) this.flags |= IMAGE_FLAG.APPLET;
    const applet = lowered.applet === undefined ? 0 : fnv1a(lowered.applet);
    this.#lines[this.#intern(lowered.pattern)]!.push({ lowered, entry: { rank: lowered.rank, rule, subject, what, applet } });
  }

  /** Writes automata, records and what goes with them; or tells which limit they exceed. */
  write(writer: ImageWriter): LimitExceeded | undefined {
    const made = compileGroups(
      this.#patterns,
      this.#lines.map((lines) => lines.length > 0),
      this.#isSubject,
    );
    if ('exceeded' in made) return made;
    this.#order();
    let written = 0;
    for (const [group, automaton] of made.automata.entries()) {
      if (group > 0 && automaton.start === 0) continue; // a start of 0 would end the list
      const mine = (set: readonly number[]): readonly number[] => set.filter((pattern) => made.groupOf[pattern] === group);
      const records = automaton.accepts.map((set) => this.#record(mine(set), group === 0 ? this.#subjects.classOf(set) : 0, writer));
      const reaches = automaton.reaches.map((set) => this.#reachRecord(mine(set), writer));
      writer.putAutomaton(written++, automaton, { records, reaches });
    }
    writer.setHead('unknown', this.#reachRecord([...this.#patterns.keys()], writer));
    const runtime = this.#byKey.get(keyOf({ kind: 'exact', path: RUNTIME_SUBJECT }));
    writer.setHead('runtime_class', runtime === undefined ? 0 : this.#subjects.classOf([runtime]));
    return undefined;
  }

  #intern(pattern: Pattern): number {
    const key = keyOf(pattern);
    const seen = this.#byKey.get(key);
    if (seen !== undefined) return seen;
    this.#byKey.set(key, this.#patterns.length);
    this.#lines.push([]);
    this.#isSubject.push(false);
    return this.#patterns.push(pattern) - 1;
  }

  #order(): void {
    const all = this.#lines.flatMap((lines, pattern) => lines.map((line) => ({ line, pattern })));
    all.sort((a, b) => compareLines(a.line, b.line));
    const places: number[][] = this.#lines.map(() => []);
    for (const [place, { pattern }] of all.entries()) places[pattern]!.push(place);
    this.#ordered = all.map(({ line }) => line);
    this.#places = places;
  }

  /** The lines of these patterns, by precedence. */
  #linesOf(set: readonly number[]): Line[] {
    const [only, second] = set;
    if (only !== undefined && second === undefined) return this.#places[only]!.map((place) => this.#ordered[place]!);
    const places = Uint32Array.from(set.flatMap((pattern) => this.#places[pattern]!)).sort();
    return Array.from(places, (place) => this.#ordered[place]!);
  }

  /** The record of an accept set. */
  #record(set: readonly number[], subjectClass: number, writer: ImageWriter): number {
    const lines = this.#linesOf(set);
    const list = (name: 'process' | 'file'): number => {
      const mine = lines.filter(({ lowered }) => lowered.list === name);
      const verdicts = prune(mine.filter(({ lowered }) => lowered.action !== 'Audit'));
      return writer.putList(verdicts, prune(mine.filter(({ lowered }) => lowered.action === 'Audit')));
    };
    return writer.put([subjectClass, list('process'), list('file')]);
  }

  /** The record of a path that is not known whole: the Block entries that could still match; equal ones once. */
  #reachRecord(set: readonly number[], writer: ImageWriter): number {
    const seen = new Set<string>();
    const distinct = this.#linesOf(set).filter(({ lowered, entry }) => {
      const key = `${entry.subject}:${entry.what}:${entry.applet}`;
      return lowered.action === 'Block' && !seen.has(key) && seen.add(key);
    });
    const list = (name: 'process' | 'file'): number => writer.putList(prune(distinct.filter(({ lowered }) => lowered.list === name)), []);
    return writer.put([CLASS_UNKNOWN, list('process'), list('file')]);
  }
}
