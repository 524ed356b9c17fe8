// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readProcess } from '#host';
import { BpfMap } from '#libbpf';
import { GATE, GATE_MODE, HELD } from './event-layout.gen.ts';
import { BpfLsmGate } from './gate.ts';
import { u32 } from './images.ts';

const skip = whyNoMaps();

function whyNoMaps(): string | false {
  try {
    makeMap('array', 'probe', 8)[Symbol.dispose]();
    return false;
  } catch (error) {
    return `no maps here: ${String(error)}`;
  }
}

function makeMap(type: 'array' | 'hash', name: string, valueSize: number, keySize = 4): BpfMap {
  return BpfMap.create({ type, name, keySize, valueSize, maxEntries: type === 'array' ? 1 : 16 });
}

interface Bench {
  readonly gate: BpfLsmGate;
  readonly held: BpfMap;
  readonly settled: BpfMap;
  readonly mode: () => number;
  readonly opened: () => number;
}

function bench(t: TestContext): Bench {
  const maps = new Map([
    ['gate', makeMap('array', 'gate', GATE.size)],
    ['held', makeMap('hash', 'held', HELD.size)],
    ['settled', makeMap('hash', 'settled', 4, 8)],
  ]);
  t.after(() => maps.forEach((map) => map[Symbol.dispose]()));
  let opened = 0;
  const gate = new BpfLsmGate({ map: (name) => maps.get(name)!, others: { openGates: () => void opened++ } });
  const mode = (): number => maps.get('gate')!.lookup(u32(0))!.readUInt32LE(GATE.offsets.mode);
  return { gate, held: maps.get('held')!, settled: maps.get('settled')!, mode, opened: () => opened };
}

function entry(startTicks: bigint): Buffer {
  const value = Buffer.alloc(HELD.size);
  value.writeBigUInt64LE(9n, HELD.offsets.cgroup);
  value.writeBigUInt64LE(startTicks * 10_000_000n + 7n, HELD.offsets.start_ns);
  value.writeBigUInt64LE(process.hrtime.bigint() - 3_000_000_000n, HELD.offsets.since_ns);
  return value;
}

const stateOf = (pid: number): string => /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';

test('gate: who waits is let go, and nobody else', { skip }, async (t) => {
  const { gate, held, settled } = bench(t);
  const child = spawn('sleep', ['100']);
  t.after(() => child.kill('SIGKILL'));
  const pid = child.pid!;
  process.kill(pid, 'SIGSTOP');
  while (stateOf(pid) !== 'T') await sleep(5);
  held.update(u32(pid), entry(readProcess(pid)!.startTicks));
  const [task] = gate.held();
  assert.equal(task?.pid, pid);
  assert.equal(task.cgroupId, 9n);
  assert.ok(task.heldMs >= 3000 && task.heldMs < 60_000, String(task.heldMs));
  gate.letGo(task, true);
  while (stateOf(pid) === 'T') await sleep(5);
  assert.deepEqual([held.keys().length, settled.keys().length], [0, 1]);
  gate.unsettle(9n);
  assert.equal(settled.keys().length, 0);
});

test('gate: an entry of a process that is gone, or of one that has its number now, is forgotten', { skip }, async (t) => {
  const { gate, held } = bench(t);
  const child = spawn('sleep', ['100']);
  t.after(() => child.kill('SIGKILL'));
  const pid = child.pid!;
  process.kill(pid, 'SIGSTOP');
  while (stateOf(pid) !== 'T') await sleep(5);
  held.update(u32(pid), entry(readProcess(pid)!.startTicks - 5n));
  held.update(u32(4_194_304), entry(5n));
  assert.deepEqual(gate.held(), []);
  assert.equal(held.keys().length, 0);
  gate.letGo({ pid, cgroupId: 9n, startNs: 5n, heldMs: 0 });
  await sleep(20);
  assert.equal(stateOf(pid), 'T', 'somebody else stopped it');
});

test('gate: a beat says what happens without an agent; the first one opens the gates of other versions', { skip }, (t) => {
  const { gate, mode, opened } = bench(t);
  gate.beat('open');
  assert.deepEqual([mode(), opened()], [GATE_MODE.OPEN_WITHOUT_AGENT, 1]);
  gate.beat('wait');
  assert.deepEqual([mode(), opened()], [GATE_MODE.SHUT_WITHOUT_AGENT, 1]);
  gate.open();
  assert.equal(mode(), GATE_MODE.OFF);
});
