// SPDX-License-Identifier: Apache-2.0
import { BudgetExceeded, StepBudget } from './budget.ts';
import { computeByteClasses } from './byte-classes.ts';
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
  try {
    return compile(patterns, limits);
  } catch (error) {
    if (error instanceof BudgetExceeded) return error.limit;
    throw error;
  }
}

function compile(patterns: readonly Pattern[], limits: AutomatonLimits): Automaton {
  const budget = new StepBudget(limits.maxSteps);
  const trie = new PatternTrie(budget);
  for (const [index, pattern] of patterns.entries()) trie.add(pattern, index);
  const classes = computeByteClasses(trie);
  const made = buildDfa(trie, classes, { maxStates: limits.maxStates, budget });
  const dfa = trie.isPlain && patterns.length > 0 ? made : minimise(made);
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
