// SPDX-License-Identifier: Apache-2.0
export { compileAutomata, compileAutomaton } from './compile.ts';
export { GLOB_LIMITS, GlobError, parseGlob } from './glob.ts';
export type { GlobInfo } from './glob.ts';
export { ACCEPT_CLASS, DEFAULT_CLASS, MAX_COMPONENTS, REACH_CLASS, UNUSED_CELL } from './model.ts';
export type { Automaton, AutomatonLimits, LimitExceeded, Pattern } from './model.ts';
export { acceptOf, reachOf, runAutomaton, runPrefix } from './run.ts';
export { witness, witnesses } from './witness.ts';
export type { Witnesses } from './witness.ts';
