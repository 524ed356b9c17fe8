// SPDX-License-Identifier: Apache-2.0
import { BudgetExceeded, StepBudget } from './budget.ts';
import { computeByteClasses } from './byte-classes.ts';
import type { ByteClasses } from './byte-classes.ts';
import { minimise } from './minimise.ts';
import { SLASH } from './model.ts';
import type { Automaton, AutomatonLimits, LimitExceeded, Pattern } from './model.ts';
import { packRows } from './pack.ts';
import { PatternTrie } from './pattern-trie.ts';
import { computeReach } from './reach.ts';
import { buildDfa } from './subset.ts';

/**
 * Compiles patterns to one automaton that tells, for a path, exactly which of them match.
 *
 * Pure and repeatable: the same patterns in the same order give the same bytes. Plain paths, names and directories cost what their
 * text is long. Globs with several `*` or `**` can multiply each other's states; that is what the limits are for.
 *
 * @returns the automaton, or the limit met: then nothing was compiled
 * @throws {GlobError} for a glob with a problem: a bug of the caller, who asks `parseGlob` first
 */
export function compileAutomaton(patterns: readonly Pattern[], limits: AutomatonLimits): Automaton | LimitExceeded {
  const made = compileAutomata(patterns, [[...patterns.keys()]], limits);
  return 'exceeded' in made ? made : made[0]!;
}

/**
 * As {@link compileAutomaton}, but several automata with the same byte classes, one a group of pattern indexes: patterns that
 * multiply each other's states in one automaton may be small apart. Their accept sets name patterns by index in `patterns`.
 *
 * @param limits states and cells of each automaton; steps of all together
 */
export function compileAutomata(
  patterns: readonly Pattern[],
  groups: readonly (readonly number[])[],
  limits: AutomatonLimits,
): readonly Automaton[] | LimitExceeded {
  try {
    const budget = new StepBudget(limits.maxSteps);
    const tries = groups.map((group) => {
      const trie = new PatternTrie(budget);
      for (const index of group) trie.add(patterns[index]!, index);
      return trie;
    });
    return computeByteClasses(tries).map((classes, i) => compileTrie(tries[i]!, classes, { ...limits, budget }));
  } catch (error) {
    if (error instanceof BudgetExceeded) return error.limit;
    throw error;
  }
}

function compileTrie(trie: PatternTrie, classes: ByteClasses, limits: AutomatonLimits & { readonly budget: StepBudget }): Automaton {
  const { budget } = limits;
  const made = buildDfa(trie, classes, { maxStates: limits.maxStates, budget });
  const dfa = trie.isPlain && trie.patterns.size > 0 ? made : minimise(made);
  const maxReachPatterns = limits.maxReachPatterns ?? Infinity;
  const reach = computeReach(dfa, classes.classOf[SLASH]!, { budget, maxReachPatterns });
  const { cells, bases } = packRows(dfa, { classEnd: classes.end, reach: reach.indexes, maxCells: limits.maxCells });
  return {
    classes: classes.classOf,
    cells,
    start: bases[dfa.start]!,
    accepts: dfa.accepts,
    reaches: reach.sets,
    stateCount: dfa.size - 1,
  };
}
