// SPDX-License-Identifier: Apache-2.0
import type { Access } from './access.ts';
import type { RuleSet } from './compile.ts';
import { deciderOf } from './deciders.ts';
import type { Decider } from './deciders.ts';
import { judge } from './evaluate.ts';
import type { Question } from './questions.ts';
import type { WorkloadMode } from './model.ts';

/** What becomes of a question: the first of its accesses that is denied, else the first that raises an alert, else the last that a rule allows. */
export interface Answer {
  /** `allowed`: passes without a word; `audited`: passes with an alert. */
  readonly outcome: 'allowed' | 'audited' | 'denied';
  /** The access that decided. */
  readonly access: Access;
  readonly decider: Decider;
  /** `Action` of the alert, as in telemetry; undefined where there is none. */
  readonly action?: 'Block' | 'Audit' | 'Audit (Block)' | undefined;
}

/**
 * Answers a question for a workload of this mode: `audited` lets pass what would be denied, and reports it; `disabled` has no rules.
 *
 * An empty question is a defect of the caller.
 */
export function answer(set: RuleSet, { operation, steps }: Question, mode: WorkloadMode): Answer {
  const answers = steps.map((access) => answerOne(set, access, mode));
  const strict = answers.find(({ outcome }) => outcome === 'denied') ?? answers.find(({ action }) => action === 'Audit (Block)');
  const told = strict ?? answers.find(({ outcome }) => outcome === 'audited') ?? answers.findLast(({ decider }) => decider !== undefined);
  // where no rule speaks: the step that has the operation's own name
  return told ?? answers.at(operation === 'map' ? 0 : -1)!;
}

function answerOne(set: RuleSet, access: Access, mode: WorkloadMode): Answer {
  if (mode === 'disabled') return { outcome: 'allowed', access, decider: undefined };
  const judged = judge(set.image, access);
  const decider = deciderOf(judged);
  if (judged.verdict.outcome === 'passed') return { outcome: 'allowed', access, decider };
  if (judged.verdict.outcome === 'audited') return { outcome: 'audited', access, decider, action: 'Audit' };
  return mode === 'audited'
    ? { outcome: 'audited', access, decider, action: 'Audit (Block)' }
    : { outcome: 'denied', access, decider, action: 'Block' };
}
