// SPDX-License-Identifier: Apache-2.0
//
// fuzz.ts [--minutes N] [--seed S] [--only REGEX]: feeds each parser with random and mutated input for its share of the time. None may
// throw what it does not promise, hang, or take what it must refuse. Ends with `N passed, N failed`, one for each parser.
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { TARGETS } from './targets.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: process.env['KUBEARMOR_SEED'] ?? String(Date.now() % 0x7fffffff) },
    only: { type: 'string', default: '' },
  },
});
const seed = Number(options.seed);
const targets = TARGETS.filter(({ name }) => new RegExp(options.only).test(name));
const shareMs = (Number(options.minutes) * 60_000) / targets.length;
console.log(`seed ${seed} (--seed ${seed} repeats it)`);
const total = { passed: 0, failed: 0 };
let inputs = 0;
for (const { name, property } of targets) {
  const run = await fc.check(property, { seed, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: shareMs });
  const isGood = !run.failed;
  inputs += run.numRuns;
  total[isGood ? 'passed' : 'failed']++;
  console.log(`${isGood ? 'ok     ' : 'FAILED '} ${name}: ${run.numRuns} inputs`);
  if (!isGood) console.log(fc.defaultReportMessage(run));
}
console.log(`${inputs} inputs to ${targets.length} parsers, seed ${seed}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
