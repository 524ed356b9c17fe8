// SPDX-License-Identifier: Apache-2.0
//
// run.ts [--wait] [--status] [--only REGEX] [--seed S] [--again]: everything that takes hours (parts.ts), in the background: says where
// its log is. A run that was interrupted goes on where it was as long as the tree is the same; units that failed are run again.
// Writes the results into docs/reference/verification.md after every part. --wait: in the foreground, exit 1 where something failed. --status: how far it
// is. --again: forgets the results of this tree. Logs of units: .cache/test-full.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PARTS } from './parts.ts';
import type { Part } from './parts.ts';
import { placed, readResult, section, summarise } from './report.ts';
import { keepState, openState, PAGE } from './state.ts';
import type { RunState, UnitResult } from './state.ts';

const ROOT = join(import.meta.dirname, '../..');
const HOME = join(ROOT, '.cache/test-full');
const LOG = join(ROOT, '.cache/logs/test-full.log');
const PID = join(HOME, 'pid');

const { values: options } = parseArgs({
  options: {
    wait: { type: 'boolean', default: false },
    status: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: process.env['KUBEARMOR_SEED'] ?? String(Date.now() % 0x7fffffff) },
  },
});

/** The process of a run that goes on, if there is one. */
function running(): number | undefined {
  if (!existsSync(PID)) return undefined;
  const pid = Number(readFileSync(PID, 'utf8'));
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('full/run.ts') ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a unit; its output is in a log of its own. Once more where the guest died of what ADR 34 has measured of the emulator. */
function runUnit(part: Part, unit: number, state: RunState): UnitResult {
  const log = join(HOME, `${part.name}-${unit}.log`);
  const started = performance.now();
  let status = runOnce(part, unit, state, log);
  if (/^vm: the emulator ran a breakpoint/m.test(readFileSync(log, 'utf8'))) {
    console.log(
      `        ${part.name} ${unit + 1}: the emulator ran a breakpoint that the kernel had taken back (docs/adr/0034); once more`,
    );
    status = runOnce(part, unit, state, log);
  }
  return {
    ...readResult(readFileSync(log, 'utf8'), status, part),
    seconds: Math.round((performance.now() - started) / 1000),
    attempts: (state.results[`${part.name} ${unit}`]?.attempts ?? 0) + 1,
  };
}

function runOnce(part: Part, unit: number, state: RunState, log: string): number | null {
  const out = openSync(log, 'w');
  const [program = '', ...words] = part.command(unit, state.seed);
  const { status } = spawnSync(program, words, {
    cwd: ROOT,
    stdio: ['ignore', out, out],
    timeout: part.secondsMax * 1000,
    env: { ...process.env, KUBEARMOR_SEED: String(state.seed) },
  });
  closeSync(out);
  return status;
}

const date = (): string => new Date().toISOString().slice(0, 10);

function writePage(state: RunState): void {
  const path = join(ROOT, PAGE);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  writeFileSync(path, placed(before, section(PARTS, state, date())));
}

function runAll(): boolean {
  const state = openState(ROOT, Number(options.seed));
  if (options.again) for (const key of Object.keys(state.results)) delete state.results[key];
  console.log(`commit ${state.commit}${state.changed ? ' with changes' : ''}, seed ${state.seed}, process ${process.pid}`);
  for (const part of PARTS.filter(({ name }) => new RegExp(options.only).test(name))) {
    for (let unit = 0; unit < part.units; unit++) {
      const key = `${part.name} ${unit}`;
      if (state.results[key]?.failed === 0) continue;
      const result = runUnit(part, unit, state);
      state.results[key] = result;
      keepState(ROOT, state);
      const { passed, failed, seconds } = result;
      console.log(
        `${failed === 0 ? 'ok     ' : 'FAILED '} ${part.name} ${unit + 1} of ${part.units}: ${passed} passed, ${failed} failed (${seconds} s)`,
      );
    }
    writePage(state);
  }
  return tell(state);
}

/** The last lines of a run; whether all is well. */
function tell(state: RunState): boolean {
  const sums = PARTS.map((part) => summarise(part, state));
  const open = PARTS.filter((part, index) => (sums[index]?.units ?? 0) < part.units);
  if (open.length > 0) console.log(`not run to the end: ${open.map(({ name }) => name).join(', ')}`);
  const total = (of: 'passed' | 'failed'): number => sums.reduce((sum, part) => sum + (part?.[of] ?? 0), 0);
  console.log(`${total('passed')} passed, ${total('failed')} failed`);
  return total('failed') === 0 && total('passed') > 0;
}

function inBackground(): void {
  mkdirSync(join(ROOT, '.cache/logs'), { recursive: true });
  const log = openSync(LOG, 'a');
  const child = spawn(process.execPath, [import.meta.filename, '--wait', ...process.argv.slice(2)], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref();
  console.log(
    `runs in the background as process ${child.pid}; its log: ${LOG}\nhow far it is: make test-full-status; to stop it: kill -- -${child.pid}`,
  );
}

mkdirSync(HOME, { recursive: true });
const other = running();
if (options.status) {
  console.log(other === undefined ? 'no run is under way' : `process ${other} runs; its log: ${LOG}`);
  tell(openState(ROOT, Number(options.seed)));
} else if (other !== undefined) {
  console.log(`process ${other} runs already; its log: ${LOG}`);
  process.exitCode = 1;
} else if (options.wait) {
  writeFileSync(PID, String(process.pid));
  try {
    process.exitCode = runAll() ? 0 : 1;
  } finally {
    rmSync(PID, { force: true });
  }
} else {
  inBackground();
}
