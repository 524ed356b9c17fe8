// SPDX-License-Identifier: Apache-2.0
//
// run.ts [--kernel 6.12|6.1]... [--only REGEX]: tries every attack of attacks.ts in guests, by the cases that prove it, and says what came
// of each. Keeps the results in results.json, from which docs/generate.ts makes the table of docs/threat-model.md.
// Last line: `N passed, N failed`, an attack that is denied or known to be open being a pass.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ATTACKS } from './attacks.ts';
import type { Attack } from './attacks.ts';
import { outcomeOf, readResults, RESULTS_FILE } from './results.ts';
import type { CaseResult, Results } from './results.ts';

const ROOT = join(import.meta.dirname, '../..');
const LOGS = join(ROOT, '.cache/logs');
const AGENT = 'agent: ';
const GUEST_SECONDS = '1200';
/** Groups of test/vm/agent.vm.ts that have the cases of the agent. */
const AGENT_GROUPS = ['tampering', 'starts'];

const { values: options } = parseArgs({
  options: { kernel: { type: 'string', multiple: true, default: ['6.12', '6.1'] }, only: { type: 'string', default: '' } },
});
const unknown = options.kernel.filter((kernel) => kernel !== '6.12' && kernel !== '6.1');
if (unknown.length > 0) {
  console.error(`adversary: no kernel ${unknown.join(', ')} here; there are 6.12 and 6.1`);
  process.exit(2);
}
const only = new RegExp(options.only);
const attacks = Object.values(ATTACKS)
  .flat()
  .filter(({ name, from }) => only.test(name) || only.test(from));

const quoted = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Runs a suite in a guest; what it says goes to a log. */
function inGuest(kernel: string, suite: string, script: string, args: readonly string[]): string {
  const command = ['--kernel', kernel, '--timeout', GUEST_SECONDS, '--', join(ROOT, 'tools/node'), join(ROOT, script), ...args];
  const { stdout, stderr } = spawnSync(join(ROOT, 'tools/vm'), command, { encoding: 'utf8', maxBuffer: 1 << 28 });
  mkdirSync(LOGS, { recursive: true });
  writeFileSync(join(LOGS, `adversary-${suite}-${kernel}.log`), stdout + stderr);
  return stdout;
}

/** `ok      NAME (N ms)`, `FAILED  NAME (N ms)`, `skipped NAME: why`. */
function readCases(output: string, prefix: string, wanted: ReadonlySet<string>): Record<string, CaseResult> {
  const found: Record<string, CaseResult> = {};
  for (const [, word = '', text = ''] of output.matchAll(/^(ok|FAILED|skipped) +(.*?)\r?$/gm)) {
    const name = prefix + (word === 'skipped' ? text.replace(/: this kernel has no .*$/, '') : text.replace(/ \(\d+ ms\)$/, ''));
    if (wanted.has(name)) found[name] = word as CaseResult;
  }
  return found;
}

function play(kernel: string): Results[string] {
  const wanted = new Set(attacks.flatMap(({ proofs = [] }) => proofs));
  const ofKernel = [...wanted].filter((name) => !name.startsWith(AGENT));
  const output = inGuest(kernel, 'kernel', 'test/kernel/run.ts', ['--kernel', kernel, '--only', `^(${ofKernel.map(quoted).join('|')})$`]);
  const cases = readCases(output, '', wanted);
  if (ofKernel.length < wanted.size) {
    const groups = AGENT_GROUPS.flatMap((group) => ['--only', group]);
    Object.assign(cases, readCases(inGuest(kernel, 'agent', 'test/vm/agent.vm.ts', groups), AGENT, wanted));
  }
  return { release: /: (\S+), enforcer open/.exec(output)?.[1] ?? '?', cases };
}

function tell(attack: Attack, kernel: string, { cases }: Results[string]): boolean {
  const outcome = outcomeOf(attack, cases);
  const bad = outcome === 'passes' || outcome === 'no run';
  console.log(
    `${bad ? 'FAILED ' : 'ok     '} ${kernel}: ${attack.name}: ${outcome}${attack.open === undefined ? '' : ` (${attack.open} …)`}`,
  );
  for (const proof of attack.proofs ?? []) if (bad && cases[proof] !== 'ok') console.log(`    ${cases[proof] ?? 'no result'}: ${proof}`);
  return !bad;
}

/** Adds to what is known: other kernels, and where only a part was run the rest. */
function keep(kernel: string, { release, cases }: Results[string]): void {
  const results = existsSync(RESULTS_FILE) ? readResults() : {};
  const all = options.only === '' ? cases : { ...results[kernel]?.cases, ...cases };
  const sorted = Object.fromEntries(Object.entries(all).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  writeFileSync(RESULTS_FILE, `${JSON.stringify({ ...results, [kernel]: { release, cases: sorted } }, undefined, 2)}\n`);
}

let failed = 0;
for (const kernel of options.kernel) {
  const played = play(kernel);
  keep(kernel, played);
  for (const attack of attacks) if (!tell(attack, kernel, played)) failed++;
}
const total = attacks.length * options.kernel.length;
console.log(`${total - failed} passed, ${failed} failed`);
process.exit(failed === 0 && total > 0 ? 0 : 1);
