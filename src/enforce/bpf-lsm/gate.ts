// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { readProcess } from '#host';
import { BpfMap } from '#libbpf';
import { RingReader, sumPerCpu, watchRing } from '#observe';
import type { HeldTask, StartGate } from '../enforcer.ts';
import { COUNTER, GATE, GATE_MODE, HELD, SETTLED_KIND } from './event-layout.gen.ts';
import { u32 } from './images.ts';
import type { Programs } from './programs.ts';

/** `/proc/PID/stat` tells when a process started in these. @source USER_HZ, 100 on every architecture we support */
const NS_PER_TICK = 10_000_000n;

/** Of the programs. */
interface GatePrograms extends Pick<Programs, 'map'> {
  readonly others: Pick<Programs['others'], 'openGates'>;
}

/** The start gate of the programs whose maps these are (bpf/lib/gate.h). */
export class BpfLsmGate implements StartGate {
  readonly #programs: GatePrograms;
  #isKept = false;

  constructor(programs: GatePrograms) {
    this.#programs = programs;
  }

  beat(whenSilent: 'open' | 'wait'): void {
    setGate(this.#map('gate'), whenSilent === 'open' ? GATE_MODE.OPEN_WITHOUT_AGENT : GATE_MODE.SHUT_WITHOUT_AGENT);
    // who waited for another version comes to our gate
    if (!this.#isKept) this.#programs.others.openGates();
    this.#isKept = true;
  }

  open(): void {
    setGate(this.#map('gate'), GATE_MODE.OFF);
  }

  held(): readonly HeldTask[] {
    return readHeld(this.#map('held'));
  }

  letGo(task: HeldTask, settle = false): void {
    if (settle) this.settle(task.cgroupId);
    letGo(this.#map('held'), task);
  }

  settle(cgroupId: bigint, childrenToo = false): void {
    this.#map('settled').update(u64(cgroupId), u32(childrenToo ? SETTLED_KIND.CHILDREN_TOO : SETTLED_KIND.ALONE));
  }

  unsettle(cgroupId: bigint): void {
    this.#map('settled').delete(u64(cgroupId));
  }

  countExpired(): void {
    const map = this.#map('counters');
    const [total = 0n] = sumPerCpu(map, COUNTER.GATE_EXPIRED, 1);
    const cells = Buffer.alloc(map.cellBytes);
    cells.writeBigUInt64LE(total + 1n);
    map.update(u32(COUNTER.GATE_EXPIRED), cells);
  }

  async watch(onHeld: () => void, signal: AbortSignal): Promise<void> {
    const ring = this.#map('holds');
    using reader = new RingReader(ring.fd, ring.info.maxEntries);
    await watchRing(reader, onHeld, signal);
  }

  #map(name: string): BpfMap {
    return this.#programs.map(name);
  }
}

/**
 * Switches off the gate of programs that are pinned in a directory, of whichever version. Who waits there waits until `releaseHeldBelow`.
 *
 * Their maps `gate` and `held` have the same layout in every version (bpf/event.h); older versions have none.
 */
export function openGateBelow(directory: string): void {
  using gate = BpfMap.openPinned(join(directory, 'map_gate'));
  if (gate !== undefined) setGate(gate, GATE_MODE.OFF);
}

/** Lets everybody go on who waits because of those programs. */
export function releaseHeldBelow(directory: string): void {
  using held = BpfMap.openPinned(join(directory, 'map_held'));
  if (held === undefined) return;
  for (const task of readHeld(held)) letGo(held, task);
}

function setGate(map: BpfMap, mode: number): void {
  const value = Buffer.alloc(GATE.size);
  value.writeUInt32LE(mode, GATE.offsets.mode);
  value.writeBigUInt64LE(process.hrtime.bigint(), GATE.offsets.beat_ns);
  map.update(u32(0), value);
}

function readHeld(map: BpfMap): HeldTask[] {
  const nowNs = process.hrtime.bigint();
  return map.keys().flatMap((key) => {
    const value = map.lookup(key);
    if (value === undefined) return [];
    const task = {
      pid: key.readUInt32LE(0),
      cgroupId: value.readBigUInt64LE(HELD.offsets.cgroup),
      startNs: value.readBigUInt64LE(HELD.offsets.start_ns),
      heldMs: Number((nowNs - value.readBigUInt64LE(HELD.offsets.since_ns)) / 1_000_000n),
    };
    if (isThere(task)) return [task];
    map.delete(key);
    return [];
  });
}

const isThere = ({ pid, startNs }: HeldTask): boolean => readProcess(pid)?.startTicks === startNs / NS_PER_TICK;

/** The entry first: a task that goes on and has to wait again makes a new one. */
function letGo(map: BpfMap, task: HeldTask): void {
  map.delete(u32(task.pid));
  if (!isThere(task)) return;
  try {
    process.kill(task.pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
