// SPDX-License-Identifier: Apache-2.0
//
// compile.host.ts FILE: what a policy costs on its way into the kernel in a process that has just started: prints one line of
// JSON with milliseconds for parse, compile and load (its maps made and filled), once cold and as the median of warm runs.
import { readFileSync } from 'node:fs';
import { parsePolicyText } from '#policy';
import { MapFiller } from './map-filler.ts';
import { median } from './measure.ts';
import { compileOrThrow } from './policies.ts';

const WARM_RUNS = 7;
const SKIPPED_RUNS = 3;

interface Times {
  readonly parse: number;
  readonly compile: number;
  readonly load: number;
  readonly total: number;
}

const text = readFileSync(process.argv[2]!, 'utf8');
const filler = MapFiller.open();

function once(): Times {
  const start = performance.now();
  const policies = parsePolicyText(text, 'bench.yaml').flatMap(({ policy }) => (policy === undefined ? [] : [policy]));
  const parsed = performance.now();
  const ruleSet = compileOrThrow(policies);
  const compiled = performance.now();
  filler?.put(ruleSet);
  const loaded = performance.now();
  return { parse: parsed - start, compile: compiled - parsed, load: loaded - compiled, total: loaded - start };
}

const cold = once();
const warm = Array.from({ length: SKIPPED_RUNS + WARM_RUNS }, once).slice(SKIPPED_RUNS);
const middle = (key: keyof Times): number => median(warm.map((times) => times[key]));
console.log(
  JSON.stringify({
    cold,
    warm: { parse: middle('parse'), compile: middle('compile'), load: middle('load'), total: middle('total') },
    loads: filler !== undefined,
  }),
);
filler?.[Symbol.dispose]();
