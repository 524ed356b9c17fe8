// SPDX-License-Identifier: Apache-2.0
import { MUTATIONS } from '../../test/kernel/mutations.ts';

/** A figure that is summed over the units of a part, from what they print. */
export interface Measure {
  readonly of: string;
  /** Its first group is the number. */
  readonly pattern: RegExp;
}

/** Something that `make test-full` runs. Its last line is `N passed, N failed[, N skipped]`. */
export interface Part {
  readonly name: string;
  /** What was run, for the page of results. */
  readonly what: string;
  /** It is run so many times; a run that was interrupted goes on with the first that has no result. */
  readonly units: number;
  /** From the root of the tree. */
  readonly command: (unit: number, seed: number) => readonly string[];
  /** After so long a unit is ended, and counts as failed. */
  readonly secondsMax: number;
  readonly measures?: readonly Measure[];
}

const node = (...words: readonly string[]): readonly string[] => ['tools/node', ...words];
/** Seeds of the units of one run do not meet: each counts up from its own. */
const seedOf = (seed: number, unit: number): string => String((seed + unit * 100_003) % 0x7fffffff);

const SETS_A_UNIT = 50;
const COMPARED: readonly Measure[] = [
  { of: 'accesses', pattern: /^(\d+) accesses over \d+ policy sets compared/m },
  { of: 'policy sets', pattern: /^\d+ accesses over (\d+) policy sets compared/m },
];

/** 500 policy sets; at about 45 accesses each more than 20,000. */
const fuzzed = (kernel: string): Part => ({
  name: `fuzz-kernel-${kernel}`,
  what: `random policy sets and accesses: Linux ${kernel}, the evaluator and the naive model compared`,
  units: 10,
  command: (unit, seed) =>
    node('test/kernel/fuzz/kernel.ts', '--kernel', kernel, '--sets', String(SETS_A_UNIT), '--minutes', '60', '--seed', seedOf(seed, unit)),
  secondsMax: 5_400,
  measures: COMPARED,
});

/** Containers that start, are entered, and run while agents come and go, with the stated counts. */
const lifetime = (kernel: string): Part => ({
  name: `lifetime-${kernel}`,
  what: `Linux ${kernel}: 200 starts, 2,000 short-lived containers, agents killed, replaced and configured anew under load`,
  units: 1,
  command: () => [
    'tools/vm',
    '--kernel',
    kernel,
    '--timeout',
    '9000',
    '--',
    'sh',
    '-c',
    'exec "$0"/tools/node "$0"/test/vm/agent.vm.ts --lifetime --full',
    process.cwd(),
  ],
  secondsMax: 9_300,
});

const adversary = (kernel: string): Part => ({
  name: `adversary-${kernel}`,
  what: `Linux ${kernel}: every known way around the rules, and attacks on the enforcement`,
  units: 1,
  command: () => node('test/adversary/run.ts', '--kernel', kernel),
  secondsMax: 3_600,
});

/** In this order. Another part is one more entry here. */
export const PARTS: readonly Part[] = [
  {
    name: 'suites',
    what: 'format, lint, types, unit tests, kernel cases on every kernel, conformance on two, the agent end to end, the API server, Helm',
    units: 1,
    command: () => ['tools/test.sh', '--full'],
    secondsMax: 10_800,
  },
  {
    name: 'fuzz-parsers',
    what: 'random and mutated input to every parser',
    units: 1,
    command: (unit, seed) => node('test/parsers/fuzz.ts', '--minutes', '5', '--seed', seedOf(seed, unit)),
    secondsMax: 1_800,
    measures: [{ of: 'inputs', pattern: /^(\d+) inputs to \d+ parsers/m }],
  },
  {
    name: 'release',
    what: 'the release made twice and compared byte for byte; deb, npm package, installer and images used',
    units: 1,
    command: () => ['tools/release/check.sh'],
    secondsMax: 3_600,
  },
  {
    name: 'hybrid',
    what: 'the agent in a pod of a real cluster, its node a guest: status, secrets, pods of every kind, and the kernel tampered with',
    units: 1,
    command: () => ['sh', '-c', 'make -s images && exec test/hybrid/run --full'],
    secondsMax: 7_200,
    measures: [{ of: 'first accesses denied', pattern: /^\s+(\d+) of \d+ first accesses denied/m }],
  },
  fuzzed('6.12'),
  fuzzed('6.1'),
  lifetime('6.12'),
  lifetime('6.1'),
  adversary('6.12'),
  adversary('6.1'),
  {
    name: 'mutants',
    what: 'defects made on purpose in matcher, compiler, evaluator and programs: each must be found',
    units: MUTATIONS.length,
    command: (unit) => node('test/kernel/mutants.ts', '--index', String(unit)),
    secondsMax: 1_800,
  },
];
