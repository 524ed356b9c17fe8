// SPDX-License-Identifier: Apache-2.0
import { ACCEPT_CLASS, REACH_CLASS } from './model.ts';
import type { Automaton } from './model.ts';

/**
 * The accept index of a whole path, or -1: reads the tables byte by byte exactly as the kernel does.
 *
 * @param path absolute, without a trailing slash; a string stands for its UTF-8 bytes
 */
export function runAutomaton(automaton: Automaton, path: Uint8Array | string): number {
  return acceptOf(automaton, runPrefix(automaton, path));
}

/**
 * The state after some bytes, 0 where nothing can match any more.
 *
 * @param state where to go on from; absent means the start
 */
export function runPrefix(automaton: Automaton, bytes: Uint8Array | string, state: number = automaton.start): number {
  const { classes, cells } = automaton;
  let at = state;
  for (const byte of typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes) {
    const byteClass = classes[byte]!;
    const cell = cells[at + byteClass]!;
    at = (cell & 0xff) === byteClass ? cell >>> 8 : cells[at]! >>> 8;
  }
  return at;
}

/** The accept index of a state, or -1. */
export function acceptOf(automaton: Automaton, state: number): number {
  return cellOf(automaton, state, ACCEPT_CLASS);
}

/** The reach index of a state, or -1: see {@link Automaton.reaches} for which states have one. */
export function reachOf(automaton: Automaton, state: number): number {
  return cellOf(automaton, state, REACH_CLASS);
}

function cellOf(automaton: Automaton, state: number, pseudoClass: number): number {
  const cell = automaton.cells[state + pseudoClass]!;
  return (cell & 0xff) === pseudoClass ? cell >>> 8 : -1;
}
