// SPDX-License-Identifier: Apache-2.0
import type { Command } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Io } from '../io.ts';

/** Nobody waits longer for a key. */
const TIME_MS = 1_500;
/** Shells take apart what they are given: only words that mean nothing to them. */
const PLAIN = /^[\w.:@/-]{1,253}$/;
const NAMES_MAX = 500;

/**
 * `karmor __complete KIND -- WORDS`: what completion scripts ask for; not for people. Names of the cluster, one a line; nothing where
 * it cannot be asked in time, and never a word of why.
 */
export const completeNames: Command = {
  arguments: [
    { name: '<kind>', summary: 'context, namespace, pod or policy' },
    { name: '[words...]', summary: 'the line so far, after --' },
  ],
  async run([kind = '', ...words], _flags, io) {
    const { liveNames } = await import('../cluster/live-names.ts');
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), TIME_MS);
    const late = new Promise<readonly string[]>((resolve) => over.signal.addEventListener('abort', () => resolve([])));
    const signal = AbortSignal.any([io.signal, over.signal]);
    const names = await Promise.race([liveNames(kind, words, { ...io, signal } satisfies Io).catch(() => []), late]);
    clearTimeout(timer);
    over.abort();
    const offered = [...new Set(names)].filter((name) => PLAIN.test(name));
    for (const name of offered.toSorted().slice(0, NAMES_MAX)) await io.out(name);
    return EXIT_CODES.ok.code;
  },
};
