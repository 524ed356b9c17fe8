// SPDX-License-Identifier: Apache-2.0
import { answerOrders } from '../review-thread.ts';
import type { StartThread } from '../reviews.ts';

/** The review thread's work in this thread, for tests: its words come a moment later, as those of a thread do. */
export const localReviews: StartThread = (onWord) => {
  const answer = answerOrders((word) => queueMicrotask(() => onWord(structuredClone(word))));
  let isOpen = true;
  return {
    post: (order) => {
      const sent = structuredClone(order);
      queueMicrotask(() => isOpen && answer(sent));
    },
    close: () => {
      isOpen = false;
    },
  };
};
