// SPDX-License-Identifier: Apache-2.0
import { compileAutomata, parseGlob } from '#automaton';
import type { Automaton, LimitExceeded, Pattern } from '#automaton';
import { LIMITS } from './limits.ts';

/** Automata of one image at most (`starts` of bpf/image.h). */
export const GROUPS_MAX = 4;

/** What can start anywhere below a fixed directory, anywhere at all, or holds on to what it has seen. */
const [ROOTED, NAMES, WITHIN_NAME, FOREVER] = [0, 1, 2, 3] as const;
type Shape = typeof ROOTED | typeof NAMES | typeof WITHIN_NAME | typeof FOREVER;

/**
 * Patterns of one shape stay small together, those of two shapes multiply: which bytes of a name were seen, times whether a
 * directory or a part of the name came before.
 */
export function shapeOf(pattern: Pattern): Shape {
  if (pattern.kind === 'execname') return NAMES;
  if (pattern.kind !== 'glob') return ROOTED;
  const { prefix } = parseGlob(pattern.glob);
  if (prefix.lastIndexOf('/') > 0) return ROOTED;
  const text = pattern.glob.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, '?');
  const rest = text.replace(/^\/?(?:\*\*+\/)*/, '');
  if (rest.includes('**')) return FOREVER;
  const anywhere = /^\/?\*\*/.test(text);
  return anywhere && /[*?]/.test(rest.replace(/^\*/, '')) ? WITHIN_NAME : NAMES;
}

/** Which rules which automaton answers for. */
export interface Grouping {
  readonly automata: readonly Automaton[];
  /** By pattern: the automaton whose accept sets stand for the pattern's rules. Subjects are always those of the first. */
  readonly groupOf: readonly number[];
}

/** One automaton is enough while it has at most this many states, and as many again as the patterns have bytes. */
const SMALL_STATES = 10_000;
const SMALL_STEPS = 1_000_000;
/** Steps that a byte of pattern may cost in one automaton. */
const STEPS_A_BYTE = 50;

const lengthOf = (pattern: Pattern): number =>
  pattern.kind === 'exact'
    ? pattern.path.length
    : pattern.kind === 'glob'
      ? pattern.glob.length
      : pattern.kind === 'dir'
        ? pattern.dir.length
        : pattern.name.length;

/**
 * Compiles patterns to one automaton or, where that grows out of proportion to its patterns, to up to four by shape.
 *
 * @param objects  whether a pattern has rules
 * @param subjects whether a pattern names a subject
 */
export function compileGroups(
  patterns: readonly Pattern[],
  objects: readonly boolean[],
  subjects: readonly boolean[],
): Grouping | LimitExceeded {
  const shapes = patterns.map((pattern, i) => (objects[i] ? shapeOf(pattern) : ROOTED));
  const used = [ROOTED, ...[NAMES, WITHIN_NAME, FOREVER].filter((shape) => shapes.includes(shape))];
  const full = { maxStates: LIMITS.states.value, maxSteps: LIMITS.compileSteps.value, maxCells: LIMITS.cells.value };
  const bytes = patterns.reduce((sum, pattern) => sum + lengthOf(pattern), 0);
  const small = {
    maxStates: Math.min(full.maxStates, SMALL_STATES + 2 * bytes),
    maxSteps: Math.min(full.maxSteps, SMALL_STEPS + STEPS_A_BYTE * bytes),
    maxCells: full.maxCells,
  };
  const all = [...patterns.keys()];
  const one = compileAutomata(patterns, [all], used.length === 1 ? full : small);
  if (!('exceeded' in one)) return { automata: one, groupOf: all.map(() => 0) };
  if (used.length === 1) return one;
  const members = used.map((shape) => all.filter((i) => (shapes[i] === shape && objects[i]) || (shape === ROOTED && subjects[i])));
  const automata = compileAutomata(patterns, members, full);
  return 'exceeded' in automata ? automata : { automata, groupOf: shapes.map((shape) => used.indexOf(shape)) };
}
