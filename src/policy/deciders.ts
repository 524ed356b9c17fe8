// SPDX-License-Identifier: Apache-2.0
import type { Judgement } from './evaluate.ts';
import { VERDICT } from './image-layout.gen.ts';

/** Who decides an access: a rule by id, the default posture, or nobody. */
export type Decider = number | 'DefaultPosture' | undefined;

/** What a verdict rests on; of what passes without a word the Allow rule that won, if any. */
export function deciderOf({ verdict, hits }: Judgement): Decider {
  if (verdict.outcome !== 'passed') return verdict.rule ?? 'DefaultPosture';
  return hits.find((hit) => hit.verdict === VERDICT.ALLOW)?.rule;
}

/** Every rule that mattered for an access: the winner of each kind of access that it is made of, and the Audit rule that is reported. */
export function winnersOf({ verdict, hits }: Judgement): number[] {
  const winners = hits.filter((hit) => hit.verdict !== VERDICT.NONE).map(({ rule }) => rule);
  if (verdict.outcome === 'audited' && verdict.rule !== undefined) winners.push(verdict.rule);
  return winners;
}

/** Whether the only rule of a set matches an access. */
export function isMatched({ hits }: Judgement): boolean {
  return hits.some((hit) => hit.verdict !== VERDICT.NONE || hit.audit);
}
