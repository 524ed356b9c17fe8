// SPDX-License-Identifier: Apache-2.0
//
// compile.host.ts FILE: what a policy costs on its way into the kernel in a process that has just started: prints one line of
// JSON with milliseconds, once cold and as the quickest of the warm runs (others on
// this machine only add to it): parse (YAML with its places), request (the JSON of a
// policy request), compile, load (maps made and filled), and total: request, compile and load.
import { readFileSync } from 'node:fs';
import { parsePolicyObject, parsePolicyText } from '#policy';
import type { Policy } from '#policy';
import { parse } from 'yaml';
import { MapFiller } from './map-filler.ts';
import { compileOrThrow } from './policies.ts';

const WARM_RUNS = 9;
const SKIPPED_RUNS = 4;
const STEPS = ['parse', 'request', 'compile', 'load', 'total'] as const;

type Times = Readonly<Record<(typeof STEPS)[number], number>>;

const text = readFileSync(process.argv[2]!, 'utf8');
const request = JSON.stringify(parse(text));
const filler = MapFiller.open();

function taken({ policy }: { readonly policy?: Policy | undefined }): Policy {
  if (policy === undefined) throw new Error('a policy of the bench is refused');
  return policy;
}

function once(): Times {
  const start = performance.now();
  parsePolicyText(text, 'bench.yaml').forEach(taken);
  const parsed = performance.now();
  const policy = taken(parsePolicyObject(JSON.parse(request)));
  const requested = performance.now();
  const ruleSet = compileOrThrow([policy]);
  const compiled = performance.now();
  filler?.put(ruleSet);
  const loaded = performance.now();
  return {
    parse: parsed - start,
    request: requested - parsed,
    compile: compiled - requested,
    load: loaded - compiled,
    total: loaded - parsed,
  };
}

const cold = once();
const runs = Array.from({ length: SKIPPED_RUNS + WARM_RUNS }, once).slice(SKIPPED_RUNS);
const warm = Object.fromEntries(STEPS.map((step) => [step, Math.min(...runs.map((times) => times[step]))]));
console.log(JSON.stringify({ cold, warm, loads: filler !== undefined }));
filler?.[Symbol.dispose]();
