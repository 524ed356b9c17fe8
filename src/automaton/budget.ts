// SPDX-License-Identifier: Apache-2.0
import type { LimitExceeded } from './model.ts';

/** Ends a compilation that met a bound; caught by `compileAutomaton` only. */
export class BudgetExceeded extends Error {
  readonly limit: LimitExceeded;

  constructor(limit: LimitExceeded) {
    super(`more than ${limit.limit} ${limit.exceeded}`);
    this.limit = limit;
  }
}

/** Counts the work of one compilation. */
export class StepBudget {
  readonly #max: number;
  #left: number;

  constructor(maxSteps: number) {
    this.#max = maxSteps;
    this.#left = maxSteps;
  }

  /** @throws {BudgetExceeded} when less than `steps` are left */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new BudgetExceeded({ exceeded: 'steps', limit: this.#max });
  }
}
