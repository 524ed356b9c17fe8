// SPDX-License-Identifier: Apache-2.0
//
// burst.guest.ts RULE-SETS CELL OPS: in the guest, 100,000 denials of as many files as fast as one process can make them, with
// one reader: what was delivered, what was counted as lost, what is missing. Prints lines of JSON.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { deserialize } from 'node:v8';
import { join } from 'node:path';
import { noLogger } from '#base';
import { openEnforcer } from '#enforce';
import type { RuleSet } from '#policy';
import { PLACES } from './policies.ts';

const OBJECT = process.env['BENCH_OBJECT'] ?? join(import.meta.dirname, '../../.cache/bpf/kubearmor.bpf.o');
const [ruleSetsFile = '', cell = '', ops = ''] = process.argv.slice(2);
const COUNT = 100_000;
const ROOT = '/run/bench/root';
const CGROUP = '/sys/fs/cgroup/bench';
/** A walk through all folds takes seven seconds: what comes later than this did not come. */
const QUIET_MS = 12_000;

function say(what: string, value: number, unit = ''): void {
  console.log(JSON.stringify({ what, state: '', value, unit }));
}

mkdirSync(join(ROOT, 'bin'), { recursive: true });
execFileSync('mount', ['-t', 'tmpfs', 'bench', ROOT]);
for (const path of ['bin', PLACES.many]) mkdirSync(join(ROOT, path));
copyFileSync(ops, join(ROOT, 'bin/ops'));
chmodSync(join(ROOT, 'bin/ops'), 0o755);
execFileSync(ops, ['make', '1', String(COUNT), join(ROOT, PLACES.many)]);
mkdirSync(CGROUP);

const sets = deserialize(readFileSync(ruleSetsFile)) as Record<string, RuleSet>;
const enforcer = await openEnforcer({ objectPath: OBJECT, logger: { ...noLogger, error: console.error } });
enforcer.protect('bench', { cgroupId: statSync(CGROUP, { bigint: true }).ino, mode: 'enabled', ruleSet: sets['denied'] });
const seen = new Set<string>();
let delivered = 0;
let lastAt = performance.now();
const stop = new AbortController();
const watching = enforcer.watch((event) => {
  delivered += event.count;
  seen.add(event.path);
  lastAt = performance.now();
}, stop.signal);
await sleep(200);

const started = performance.now();
const child = spawn(cell, [ROOT, CGROUP, '--', '/bin/ops', 'each', '1', String(COUNT), PLACES.many], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let output = '';
child.stdout.on('data', (text: Buffer) => (output += text.toString()));
await new Promise((resolve) => child.once('close', resolve));
const took = performance.now() - started;
while (performance.now() - lastAt < QUIET_MS) await sleep(200);
stop.abort();
await watching;

const { alerts = 0n, alerts_lost: lost = 0n } = enforcer.counters();
const denied = Number(/failed (\d+)/.exec(output)?.[1]);
if (denied !== COUNT) throw new Error(`${denied} of ${COUNT} were denied`);
say('burst denials per second', (COUNT / took) * 1000);
say('burst generated', Number(alerts));
say('burst delivered', (delivered / COUNT) * 100, '%');
say('burst delivered with its own path', (seen.size / COUNT) * 100, '%');
say('burst accounted for', ((delivered + Number(lost)) / COUNT) * 100, '%');
enforcer[Symbol.dispose]();
