// SPDX-License-Identifier: Apache-2.0
//
// cost.guest.ts RULE-SETS CELL OPS OPS-DYNAMIC [STATE,…] [OPERATION,…]: in the guest, what each operation takes in each state
// of the protection; prints a line of JSON for each measure. The bench starts it (run.ts).
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { dirname, join } from 'node:path';
import { noLogger } from '#base';
import { openEnforcer } from '#enforce';
import type { Enforcer } from '#enforce';
import type { RuleSet } from '#policy';
import { summarise } from './measure.ts';
import type { Measure } from './measure.ts';
import { PLACES } from './policies.ts';

const OBJECT = process.env['BENCH_OBJECT'] ?? join(import.meta.dirname, '../../.cache/bpf/kubearmor.bpf.o');
const [ruleSetsFile = '', cell = '', ops = '', opsDynamic = '', states = '', wanted = ''] = process.argv.slice(2);
const HOME = '/run/bench';
const CGROUP = '/sys/fs/cgroup/bench';
const OUTSIDE = '/sys/fs/cgroup/unbound';
const LIBRARIES = ['/lib64/ld-linux-x86-64.so.2', '/lib/x86_64-linux-gnu/libc.so.6'];

type Root = 'tmpfs' | 'overlay';

interface Operation {
  readonly name: string;
  readonly root: Root;
  readonly rounds: number;
  /** How often in a round. */
  readonly count: number;
  readonly args: readonly string[];
}

const operation = (name: string, root: Root, times: string, ...args: string[]): Operation => {
  const [rounds, count] = times.split('x').map(Number);
  return { name, root, rounds: rounds!, count: count!, args };
};

const OPERATIONS: readonly Operation[] = [
  operation('open shallow', 'tmpfs', '15x200', 'open', PLACES.shallow),
  operation('open deep', 'tmpfs', '15x200', 'open', PLACES.deep),
  operation('open shallow overlay', 'overlay', '15x100', 'open', PLACES.shallow),
  operation('open deep overlay', 'overlay', '15x100', 'open', PLACES.deep),
  operation('rename', 'tmpfs', '15x200', 'rename', '/run/a', '/run/b'),
  operation('write 4 KiB', 'tmpfs', '15x200', 'write', '/run/w'),
  operation('fork', 'tmpfs', '21x40', 'fork'),
  operation('exec static', 'tmpfs', '11x40', 'exec', '/bin/ops'),
  operation('exec dynamic overlay', 'overlay', '11x20', 'exec', '/bin/ops-dynamic'),
  operation('socket', 'tmpfs', '11x50', 'socket'),
  operation('each', 'tmpfs', '5x200', 'each', PLACES.many),
];

function must(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' });
}

function fill(root: string): void {
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(from, join(root, to));
    chmodSync(join(root, to), 0o755);
  };
  copy(ops, '/bin/ops');
  copy(opsDynamic, '/bin/ops-dynamic');
  for (const library of LIBRARIES) copy(library, library);
  for (const path of [PLACES.shallow, PLACES.deep, '/run/a', '/run/w']) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), 'x\n');
  }
  mkdirSync(join(root, PLACES.many));
  for (let i = 0; i < 1000; i++) writeFileSync(join(root, PLACES.many, String(i)), '');
}

function mountRoots(): Record<Root, string> {
  const roots = { tmpfs: `${HOME}/root`, overlay: `${HOME}/overlay` };
  const lower = `${HOME}/lower`;
  for (const at of [roots.tmpfs, lower]) {
    mkdirSync(at, { recursive: true });
    must('mount', '-t', 'tmpfs', 'bench', at);
    fill(at);
  }
  for (const at of [`${HOME}/upper/u`, `${HOME}/upper/w`, roots.overlay]) mkdirSync(at, { recursive: true });
  must('mount', '-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${HOME}/upper/u,workdir=${HOME}/upper/w`, 'bench', roots.overlay);
  return roots;
}

class Bench {
  readonly #roots = mountRoots();

  run(state: string, cgroup: string): void {
    for (const o of OPERATIONS) {
      if (wanted !== '' && !wanted.split(',').includes(o.name)) continue;
      const program = o.name.includes('dynamic') ? '/bin/ops-dynamic' : '/bin/ops';
      const [verb = '', ...rest] = o.args;
      const command = [this.#roots[o.root], cgroup, '--', program, verb, String(o.rounds), String(o.count), ...rest];
      const lines = must(cell, ...command)
        .trim()
        .split('\n');
      const failed = Number(lines.pop()?.split(' ')[1]);
      const total = o.rounds * o.count;
      const expected = state === 'denied' && (o.args[0] === 'open' || o.args[0] === 'each') ? total : 0;
      if (failed !== expected) throw new Error(`${state}: ${o.name}: ${failed} of ${total} failed, not ${expected}`);
      const measure: Measure = { what: o.name, state, unit: 'ns', ...summarise(lines.map(Number)) };
      console.log(JSON.stringify(measure));
    }
  }
}

function protect(enforcer: Enforcer, state: string, sets: Readonly<Record<string, RuleSet>>): void {
  const see = state.startsWith('visibility');
  const ruleSet = state === 'visibility' ? undefined : state === 'visibility-rules' ? sets['rules-20'] : sets[state];
  if (ruleSet === undefined && !see) throw new Error(`no rule set ${state}`);
  const cgroupId = statSync(CGROUP, { bigint: true }).ino;
  enforcer.protect('bench', { cgroupId, mode: 'enabled', ruleSet, visibility: { process: see, file: see, network: see } });
}

// the same addresses, hence the same page tables, each time
writeFileSync('/proc/sys/kernel/randomize_va_space', '0');
const sets = deserialize(readFileSync(ruleSetsFile)) as Record<string, RuleSet>;
for (const at of [CGROUP, OUTSIDE]) mkdirSync(at);
const asked = states.split(',');
const bench = new Bench();
if (asked.includes('plain')) bench.run('plain', OUTSIDE);
const started = performance.now();
const enforcer = await openEnforcer({ objectPath: OBJECT, logger: { ...noLogger, error: console.error } });
console.log(JSON.stringify({ what: 'enforcer open', state: '', unit: 'ms', value: performance.now() - started } satisfies Measure));
for (const state of asked.filter((name) => name !== 'plain')) {
  if (state !== 'unscoped') protect(enforcer, state, sets);
  bench.run(state, state === 'unscoped' ? OUTSIDE : CGROUP);
}
enforcer[Symbol.dispose]();
