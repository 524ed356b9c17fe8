// SPDX-License-Identifier: Apache-2.0
import { runAutomaton } from '#automaton';
import type { Automaton, Pattern } from '#automaton';
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
  readonly patterns: Pattern[] = [];
  /** `IMAGE_FLAG` bits that follow from the rules. */
  flags = 0;
  readonly #subjects: SubjectTable;
  readonly #byKey = new Map<string, number>();
  readonly #lines: Line[][] = [];

  constructor(subjects: SubjectTable) {
    this.#subjects = subjects;
  }

  /** The index of a pattern. */
  intern(pattern: Pattern): number {
    const key = JSON.stringify(pattern);
    const seen = this.#byKey.get(key);
    if (seen !== undefined) return seen;
    this.#byKey.set(key, this.patterns.length);
    this.#lines.push([]);
    return this.patterns.push(pattern) - 1;
  }

  add(lowered: Lowered, rule: number, subject: number): void {
    if (lowered.action === 'Block') this.flags |= IMAGE_FLAG.BLOCK_PATH;
    if (lowered.action === 'Block' && lowered.access & ACCESS.MAPX) this.flags |= IMAGE_FLAG.MAPX;
    const what = lowered.access | (lowered.condition << 8) | (VERDICT_OF[lowered.action] << 16);
    const applet = lowered.applet === undefined ? 0 : fnv1a(lowered.applet);
    this.#lines[this.intern(lowered.pattern)]!.push({ lowered, entry: { rank: lowered.rank, rule, subject, what, applet } });
  }

  /** The record of an accept set. */
  record(set: readonly number[], writer: ImageWriter): number {
    const lines = set.flatMap((pattern) => this.#lines[pattern]!).sort(compareLines);
    const list = (name: 'process' | 'file'): number => {
      const mine = lines.filter(({ lowered }) => lowered.list === name);
      const verdicts = prune(mine.filter(({ lowered }) => lowered.action !== 'Audit'));
      return writer.putList(verdicts, prune(mine.filter(({ lowered }) => lowered.action === 'Audit')));
    };
    return writer.put([this.#subjects.classOf(set), list('process'), list('file')]);
  }

  /** The record of a path that is not known whole: the Block entries that could still match; equal ones once. */
  reachRecord(set: readonly number[], writer: ImageWriter): number {
    const seen = new Set<string>();
    const lines = set.flatMap((pattern) => this.#lines[pattern]!).filter(({ lowered }) => lowered.action === 'Block');
    const distinct = lines.sort(compareLines).filter(({ entry }) => {
      const key = `${entry.subject}:${entry.what}:${entry.applet}`;
      return !seen.has(key) && seen.add(key);
    });
    const list = (name: 'process' | 'file'): number =>
      writer.putList(prune(distinct.filter(({ lowered }) => lowered.list === name)), []);
    return writer.put([CLASS_UNKNOWN, list('process'), list('file')]);
  }

  /** The subject class of the runtime. */
  runtimeClass(automaton: Automaton): number {
    const accept = runAutomaton(automaton, RUNTIME_SUBJECT);
    return accept < 0 ? 0 : this.#subjects.classOf(automaton.accepts[accept]!);
  }
}
