// SPDX-License-Identifier: Apache-2.0
//
// kernel.ts [--kernel 6.12|6.1|newest|local] [--minutes N] [--sets N] [--seed S] [--replay FILE] [--no-shrink]: fuzz.ts on a kernel; what must come
// of them is computed natively before. Without --kernel this machine's own where that takes LSM programs, else a guest with 6.12. `npm run fuzz:kernel -- …`
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { enforcesHere, onKernel } from '../guest.ts';
import { buildNative } from '../native.ts';

const OUT = join(import.meta.dirname, '../../../.cache/fuzz');
/** Of a guest, beside the minutes of the run: it starts, opens the enforcer, plays its last batch and makes a failure smaller. */
const MORE_SECONDS = 900;

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    sets: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: process.env['KUBEARMOR_SEED'] ?? String(Date.now() % 0x7fffffff) },
    replay: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
  },
});

/** Sets of one boot. */
const ROUND = 250;

const FUZZ = join(import.meta.dirname, 'fuzz.ts');
const kernel = options.kernel ?? (enforcesHere() ? 'local' : '6.12');
const started = performance.now();
const minutesLeft = (): number => Number(options.minutes) - (performance.now() - started) / 60_000;
const common = ['--out', OUT, ...(options['no-shrink'] ? ['--no-shrink'] : [])];

/** Plays sets on the kernel; what can be told without it is told here before. Gives what the run printed. */
function round(sets: number, seed: string): string {
  const plan = join(OUT, `plan-${process.pid}.jsonl`);
  const planning = ['--predict', '--plan', plan, '--sets', String(sets), '--seed', seed, ...common];
  const asked = options.replay === undefined ? planning : [...planning, '--replay', options.replay];
  const planned = onKernel('local', [FUZZ, ...asked], { seconds: 0 });
  if (planned.status !== 0) return planned.stdout;
  const run = ['--planned', plan, '--minutes', String(Math.max(0.1, minutesLeft())), '--seed', seed, ...common];
  try {
    return onKernel(kernel, [FUZZ, ...run], { seconds: Math.ceil(Number(options.minutes) * 60) + MORE_SECONDS, writable: OUT }).stdout;
  } finally {
    rmSync(plan, { force: true });
  }
}

mkdirSync(OUT, { recursive: true });
buildNative(); // quick here, slow in a guest
const total = { sets: 0, accesses: 0, passed: 0, failed: 0 };
const setsMax = options.replay === undefined ? Number(options.sets) : 1;
while (total.failed === 0 && total.sets < setsMax && (total.sets === 0 || minutesLeft() > 0)) {
  const printed = round(Math.min(ROUND, setsMax - total.sets), String((Number(options.seed) + total.sets) % 0x7fffffff));
  process.stdout.write(printed.replace(/^\d+ (passed|accesses over).*\n/gm, ''));
  const compared = /^(\d+) accesses over (\d+) policy sets/m.exec(printed);
  const told = /^(\d+) passed, (\d+) failed$/m.exec(printed);
  total.accesses += Number(compared?.[1] ?? 0);
  total.sets += Number(compared?.[2] ?? 0);
  total.passed += Number(told?.[1] ?? 0);
  total.failed += Number(told?.[2] ?? 1);
}
const seconds = Math.round((performance.now() - started) / 1000);
console.log(`${total.accesses} accesses over ${total.sets} policy sets compared in ${seconds} s, seed ${options.seed}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
