// SPDX-License-Identifier: Apache-2.0
import { parentPort } from 'node:worker_threads';
import type { PolicyKind } from '#policy';
import { PolicyReviewer } from './policy-review.ts';
import type { Checked, NodesFacts, Problems } from './policy-review.ts';

/** What the thread is asked. */
export type ReviewOrder =
  | { readonly order: 'upsert'; readonly ref: string; readonly kind: PolicyKind; readonly generation: number; readonly object: unknown }
  | { readonly order: 'remove'; readonly ref: string }
  | { readonly order: 'review'; readonly id: number; readonly kind: PolicyKind; readonly object: unknown; readonly facts: NodesFacts };

/** What it says. A review that refuses nothing is told of twice: at first sight, and when it was looked at beside the others. */
export type ReviewWord =
  | { readonly word: 'taken'; readonly ref: string; readonly generation: number; readonly problems: Problems }
  | { readonly word: 'checked'; readonly id: number; readonly checked: Checked }
  | { readonly word: 'done'; readonly id: number; readonly lint: readonly string[] };

/** Answers orders in their order; one at a time. */
export function answerOrders(tell: (word: ReviewWord) => void): (order: ReviewOrder) => void {
  const reviewer = new PolicyReviewer();
  return (order) => {
    switch (order.order) {
      case 'upsert': {
        const problems = reviewer.upsert(order.kind, order.object);
        return tell({ word: 'taken', ref: order.ref, generation: order.generation, problems });
      }
      case 'remove':
        return reviewer.remove(order.ref);
      case 'review': {
        const checked = reviewer.check(order.kind, order.object, order.facts);
        tell({ word: 'checked', id: order.id, checked });
        const lint = checked.refusal === undefined ? reviewer.lint(order.kind, order.object) : [];
        return tell({ word: 'done', id: order.id, lint });
      }
    }
  };
}

/** The whole program of the thread. */
export function runReviewThread(): void {
  const port = parentPort;
  if (port === null) throw new Error('the review thread runs in a worker');
  const answer = answerOrders((word) => port.postMessage(word));
  port.on('message', (order: ReviewOrder) => answer(order));
}
