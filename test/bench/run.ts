// SPDX-License-Identifier: Apache-2.0
//
// run.ts [--only NAME] [--list]: measures what the budgets speak of, part by part, and prints a table beside them; every part
// leaves `.cache/bench/NAME.json`, and the table shows what earlier runs left too. tools/bench.sh starts it.
// BENCH_OBJECT: other BPF programs than the built ones; BENCH_VM: a command in place of tools/vm.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { parseArgs } from 'node:util';
import { buildNative } from '../kernel/native.ts';
import type { Measure } from './measure.ts';
import { measureCompile, measureMatcher } from './natively.ts';
import { guestRuleSets } from './policies.ts';
import { renderTable } from './table.ts';

const ROOT = join(import.meta.dirname, '../..');
const OUT = join(ROOT, '.cache/bench');
const NODE = join(ROOT, 'tools/node');
const VM = process.env['BENCH_VM'] ?? join(ROOT, 'tools/vm');
const GUEST_KERNEL = '6.12';
const GUEST_SECONDS = 900;
/** States that one guest measures, each guest with its own plain ones. */
const STATES = [
  'plain,unscoped,rules-20,rules-300',
  'plain,near,rules-1000,rules-10000',
  'plain,denied,audited,allow-list,network',
  'plain,visibility,visibility-rules',
];

interface Natives {
  readonly ops: string;
  readonly opsDynamic: string;
  readonly matcher: string;
  readonly cell: string;
}

function buildAll(): Natives {
  const build = (name: string, source: string, ...flags: string[]): string => {
    const target = join(OUT, name);
    execFileSync('gcc', ['-O2', '-s', '-Wall', '-Wextra', '-Werror', ...flags, '-o', target, join(import.meta.dirname, 'native', source)], {
      stdio: 'inherit',
    });
    return target;
  };
  return {
    ops: build('ops', 'ops.c', '-static'),
    opsDynamic: build('ops-dynamic', 'ops.c'),
    matcher: build('matcher', 'matcher.c'),
    cell: buildNative().cell,
  };
}

/** The lines of JSON that a script of ours prints. */
function measuresOf(command: readonly string[]): Measure[] {
  const [program = '', ...args] = command;
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${command.join(' ')}: ended with ${status}\n${stdout.slice(-1000)}`);
  return stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Measure] : []));
}

function inGuest(script: string, args: readonly string[], ...options: string[]): Measure[] {
  const vm = [VM, ...options, '--kernel', GUEST_KERNEL, '--timeout', String(GUEST_SECONDS), '--'];
  return measuresOf([...vm, NODE, join(import.meta.dirname, script), ...args]);
}

function writeRuleSets(): string {
  const file = join(OUT, 'rule-sets.v8');
  writeFileSync(file, serialize(guestRuleSets()));
  return file;
}

/** What each operation takes more than in the same guest without the enforcer. */
function withAdded(measures: readonly Measure[]): Measure[] {
  const plain = new Map(measures.filter(({ state }) => state === 'plain').map(({ what, value }) => [what, value]));
  return measures.map((measure) => {
    const before = plain.get(measure.what);
    return before === undefined || measure.state === 'plain' ? measure : { ...measure, added: measure.value - before };
  });
}

interface Part {
  readonly name: string;
  readonly does: string;
  run(natives: Natives): Measure[];
}

const PARTS: readonly Part[] = [
  {
    name: 'matcher',
    does: 'the image’s automata natively, by length of path and number of rules',
    run: ({ matcher }) => measureMatcher(matcher, OUT),
  },
  { name: 'compile', does: 'parse, compile and load natively; size of images', run: () => measureCompile(NODE, OUT) },
  { name: 'ring', does: 'the ring’s reader natively', run: () => measuresOf([NODE, join(import.meta.dirname, 'ring.host.ts')]) },
  {
    name: 'cost',
    does: 'what each operation costs more, in the guest, by number of instructions',
    run: ({ cell, ops, opsDynamic }) => {
      const sets = writeRuleSets();
      return STATES.flatMap((states) => withAdded(inGuest('cost.guest.ts', [sets, cell, ops, opsDynamic, states], '--icount')));
    },
  },
  {
    name: 'burst',
    does: '100,000 denials at once, in the guest',
    run: ({ cell, ops }) => inGuest('burst.guest.ts', [writeRuleSets(), cell, ops]),
  },
  { name: 'maps', does: 'what 500 workloads take in the kernel, in the guest', run: () => inGuest('maps.guest.ts', [writeRuleSets()]) },
  { name: 'agent', does: 'the agent with containerd, in the guest', run: ({ ops }) => inGuest('agent.guest.ts', [ops]) },
  {
    name: 'cluster',
    does: '1,000 policies, 100 nodes, 3,000 pods, with a real API server',
    run: () => measuresOf([NODE, join(import.meta.dirname, 'cluster.host.ts')]),
  },
];

function commit(): string {
  const { stdout } = spawnSync('git', ['-C', ROOT, 'describe', '--always', '--dirty'], { encoding: 'utf8' });
  return stdout.trim();
}

function save(name: string, measures: readonly Measure[]): void {
  const [cpu] = cpus();
  const machine = { model: cpu?.model, cpus: cpus().length, kernel: release(), guestKernel: GUEST_KERNEL };
  const report = { schemaVersion: 1, part: name, date: new Date().toISOString(), commit: commit(), machine, measures };
  writeFileSync(join(OUT, `${name}.json`), `${JSON.stringify(report, undefined, 1)}\n`);
}

function saved(name: string): readonly Measure[] {
  const file = join(OUT, `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { measures: Measure[] }).measures : [];
}

const { values: options } = parseArgs({ options: { only: { type: 'string', multiple: true }, list: { type: 'boolean', default: false } } });
const unknown = (options.only ?? []).filter((name) => !PARTS.some((part) => part.name === name));
if (options.list || unknown.length > 0) {
  for (const { name, does } of PARTS) console.log(`${name.padEnd(9)}${does}`);
  if (unknown.length > 0) console.error(`no such part: ${unknown.join(', ')}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}
mkdirSync(OUT, { recursive: true });
const natives = buildAll();
let failed = 0;
for (const part of PARTS.filter(({ name }) => options.only === undefined || options.only.includes(name))) {
  const start = performance.now();
  console.error(`${part.name}: ${part.does} …`);
  try {
    save(part.name, part.run(natives));
    console.error(`${part.name}: ${Math.round((performance.now() - start) / 1000)} s`);
  } catch (error) {
    failed++;
    console.error(`FAILED  ${part.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
const { text, missed } = renderTable(PARTS.flatMap(({ name }) => saved(name)));
writeFileSync(join(OUT, 'table.md'), `${text}\n`);
console.log(text);
console.log(`${missed === 0 ? 'every budget that was measured is met' : `${missed} budgets are missed`}; the numbers are in .cache/bench`);
process.exit(failed === 0 ? 0 : 1);
