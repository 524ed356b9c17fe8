// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfMap, MappedMemory, pageSize } from '#libbpf';
import { sumPerCpu } from '#observe';

/** Header of a record: u32 length and flags, u32 page offset. Source: linux/bpf.h (BPF_RINGBUF_*), kernel/bpf/ringbuf.c. */
const RING_HEADER = 8;
const RING_LENGTH = (1 << 30) - 1;
const LAYOUTS = fileURLToPath(new URL('../../src/enforce/bpf-lsm/event-layout.gen.ts', import.meta.url));

/** A number of the generated layouts, which belong to the enforcer alone. */
function layout(pattern: RegExp): number {
  const found = pattern.exec(readFileSync(LAYOUTS, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`the layouts have no ${pattern}`);
  return Number(found);
}

/** Alerts as the kernel counts them, read beside the agent, also while none runs. */
export interface AlertCounts {
  readonly generated: number;
  /** For which there was no room, or whose first one nobody remembers. */
  readonly lost: number;
  /** That wait in the ring, or as repetitions. */
  readonly waiting: number;
}

export class KernelState {
  readonly #pins: string;

  constructor(pins: string) {
    this.#pins = pins;
  }

  /** Exact while nothing is generated or read. */
  alerts(): AlertCounts {
    using counters = this.#map('counters');
    const total = (name: string): number => Number(sumPerCpu(counters, layout(new RegExp(`COUNTER = \\{[^}]*\\b${name}: (\\d+)`)), 1)[0]);
    const lost = total('ALERTS_LOST') + total('REPEATS_LOST');
    return { generated: total('ALERTS'), lost, waiting: this.#inRing() + this.#folded() };
  }

  /** The total of a counter, by its name as the agent tells it. */
  counter(name: string): number {
    using counters = this.#map('counters');
    const index = layout(new RegExp(`COUNTER = \\{[^}]*\\b${name.toUpperCase()}: (\\d+)`));
    return Number(sumPerCpu(counters, index, 1)[0]);
  }

  /** Elements of a hash. */
  entries(name: string): number {
    using map = this.#map(name);
    return map.keys().length;
  }

  /** Processes that wait at the start gate, by id. */
  held(): readonly number[] {
    using map = this.#map('held');
    return map.keys().map((key) => key.readUInt32LE(0));
  }

  #folded(): number {
    using folds = this.#map('folds');
    const pending = layout(/FOLD = \{[^}]*\bpending: (\d+)/);
    return folds.keys().reduce((sum, key) => sum + (folds.lookup(key)?.readUInt32LE(pending) ?? 0), 0);
  }

  #inRing(): number {
    using ring = this.#map('alerts');
    const page = pageSize();
    const size = ring.info.maxEntries;
    using consumer = new MappedMemory(ring.fd, page);
    using producer = new MappedMemory(ring.fd, page + 2 * size, { offset: page });
    const end = Number(new BigUint64Array(producer.buffer, 0, 1)[0]);
    const data = Buffer.from(producer.buffer, page);
    const count = layout(/EVENT = \{[^}]*\bcount: (\d+)/);
    let sum = 0;
    for (let at = Number(new BigUint64Array(consumer.buffer, 0, 1)[0]); at < end;) {
      const offset = at % size;
      sum += data.readUInt32LE(offset + RING_HEADER + count);
      at += ((data.readUInt32LE(offset) & RING_LENGTH) + RING_HEADER + 7) & ~7;
    }
    return sum;
  }

  #map(name: string): BpfMap {
    const versions = readdirSync(this.#pins).filter((entry) => !entry.startsWith('.'));
    const directories = versions.map((version) => join(this.#pins, version, `map_${name}`));
    const map = directories.map((path) => BpfMap.openPinned(path)).find((found) => found !== undefined);
    if (map === undefined) throw new Error(`no map ${name} is pinned below ${this.#pins}`);
    return map;
  }
}
