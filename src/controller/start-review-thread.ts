// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import type { ReviewWord } from './review-thread.ts';
import type { StartThread } from './reviews.ts';

/** A thread that runs away with memory ends, not the process. */
const HEAP_MB = 512;

/** @param program the file whose thread answers, see `runReviewThread` */
export function reviewThreadOf(program: URL): StartThread {
  return (onWord, onEnd) => {
    const worker = new Worker(program, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    let cause: unknown = 'no reason given';
    worker.on('message', (word: ReviewWord) => onWord(word));
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', () => onEnd(cause));
    return { post: (order) => worker.postMessage(order), close: () => void worker.terminate() };
  };
}
