// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { before, test } from 'node:test';
import { BpfObject, type BpfMap, type BpfProgram } from '#libbpf';
import { compileBpf } from '../../tools/testing/compile-bpf.ts';
import { LossMeter, sumPerCpu } from './loss.ts';
import { RingReader } from './ring-reader.ts';
import { watchRing } from './watch-ring.ts';

/** Context of a run: how many records, longest payload in words, every nth is discarded (0: none), wake-up flags. */
const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct record { __u64 sequence; __u32 words[2]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64[2]); } lost SEC(".maps");
__u64 sequence;
struct run { __u64 count, discard, flags; };
static long one(__u32 i, struct run *run)
{
	__u32 zero = 0;
	__u64 *counters = bpf_map_lookup_elem(&lost, &zero);
	struct record *record;
	if (!counters)
		return 1;
	/* two sizes, one no multiple of 8: headers fall on every offset before the end of the ring */
	if (sequence % 3 == 0) {
		struct { __u64 sequence; __u32 words[5]; } odd = { .sequence = sequence };
		odd.words[4] = (__u32)sequence;
		if (bpf_ringbuf_output(&ring, &odd, 28, run->flags))
			goto full;
	} else {
		record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
		if (!record)
			goto full;
		record->sequence = sequence;
		record->words[0] = record->words[1] = (__u32)sequence;
		if (run->discard && sequence % run->discard == 1)
			bpf_ringbuf_discard(record, run->flags);
		else
			bpf_ringbuf_submit(record, run->flags);
	}
	sequence++;
	counters[0]++;
	return 0;
full:
	counters[1]++;
	return 0;
}
SEC("raw_tp") int fill(__u64 *ctx)
{
	struct run run = { ctx[0], ctx[1], ctx[2] };
	bpf_loop(run.count, one, &run, 0);
	return 0;
}
`;
const SIZE = 1 << 20;
const NO_WAKEUP = 1;
let bytes: Buffer;
before(() => {
  bytes = compileBpf(SOURCE);
});

class Fixture implements Disposable {
  readonly object = BpfObject.open(bytes, { name: 'rings' });
  readonly ring: BpfMap;
  readonly lost: BpfMap;
  readonly #fill: BpfProgram;

  constructor() {
    this.object.load();
    this.ring = this.object.map('ring');
    this.lost = this.object.map('lost');
    this.#fill = this.object.program('fill');
  }

  produce(count: number, discard = 0, flags = NO_WAKEUP): void {
    this.#fill.testRun({ context: new Uint8Array(BigUint64Array.of(BigInt(count), BigInt(discard), BigInt(flags)).buffer) });
  }

  [Symbol.dispose](): void {
    this.object[Symbol.dispose]();
  }
}

/** Checks every record's content and that none is missing, doubled or out of order. */
class Checker {
  next = 0;
  discard = 0;

  readonly onRecord = (buffer: Buffer, offset: number, length: number): void => {
    while (this.discard > 0 && this.next % 3 !== 0 && this.next % this.discard === 1) this.next++;
    const sequence = buffer.readUInt32LE(offset);
    if (sequence !== this.next) assert.fail(`record ${sequence} where ${this.next} was due`);
    const odd = sequence % 3 === 0;
    if (length !== (odd ? 28 : 16)) assert.fail(`record ${sequence} has ${length} bytes`);
    if (buffer.readUInt32LE(offset + (odd ? 24 : 12)) !== sequence) assert.fail(`record ${sequence} is torn`);
    this.next++;
  };
}

test('a million records in order, around the ring’s end many times, none lost', () => {
  using fixture = new Fixture();
  using reader = new RingReader(fixture.ring.fd, SIZE);
  const meter = new LossMeter(['made', 'full'], () => sumPerCpu(fixture.lost, 0, 2));
  const checker = new Checker();
  for (let made = 0; made < 1_000_000; made += 20_000) {
    fixture.produce(20_000);
    while (reader.drain(checker.onRecord, 4096) > 0);
  }
  assert.equal(checker.next, 1_000_000);
  assert.equal(reader.pendingBytes, 0);
  assert.deepEqual(meter.take(), { made: 1_000_000n, full: 0n });
});

test('discarded records are passed over, and count towards the batch', () => {
  using fixture = new Fixture();
  using reader = new RingReader(fixture.ring.fd, SIZE);
  const checker = new Checker();
  checker.discard = 4;
  fixture.produce(1000, 4);
  let consumed = 0;
  for (let got = reader.drain(checker.onRecord, 7); got > 0; got = reader.drain(checker.onRecord, 7)) {
    assert.ok(got === 7 || got === 1000 % 7);
    consumed += got;
  }
  assert.equal(consumed, 1000);
  assert.ok(checker.next >= 997);
});

test('what does not fit is counted once, and room comes back as records are read', () => {
  using fixture = new Fixture();
  using reader = new RingReader(fixture.ring.fd, SIZE);
  const meter = new LossMeter(['made', 'full'], () => sumPerCpu(fixture.lost, 0, 2));
  const checker = new Checker();
  fixture.produce(60_000);
  const first = meter.take();
  assert.equal(first.made + first.full, 60_000n);
  assert.ok(first.full > 0n && reader.pendingBytes > SIZE - 64);
  reader.drain(checker.onRecord, 1000);
  fixture.produce(500);
  assert.deepEqual(meter.take(), { made: 500n, full: 0n });
  while (reader.drain(checker.onRecord, 4096) > 0);
  assert.equal(checker.next, Number(first.made) + 500);
});

test('a reader that follows another starts where it stopped', () => {
  using fixture = new Fixture();
  const checker = new Checker();
  fixture.produce(100);
  {
    using reader = new RingReader(fixture.ring.fd, SIZE);
    assert.equal(reader.drain(checker.onRecord, 30), 30);
  }
  using reader = new RingReader(fixture.ring.fd, SIZE);
  assert.equal(reader.drain(checker.onRecord, 4096), 70);
  assert.equal(checker.next, 100);
});

test('a record whose reader throws is consumed, the next one is not', () => {
  using fixture = new Fixture();
  using reader = new RingReader(fixture.ring.fd, SIZE);
  fixture.produce(3);
  const bug = new Error('bug');
  assert.throws(
    () =>
      reader.drain(() => {
        throw bug;
      }, 10),
    bug,
  );
  assert.equal(
    reader.drain(() => {}, 10),
    2,
  );
});

test('a disposed reader finds nothing, also from within its own callback', () => {
  using fixture = new Fixture();
  const reader = new RingReader(fixture.ring.fd, SIZE);
  fixture.produce(5);
  let seen = 0;
  reader.drain(() => {
    seen++;
    reader[Symbol.dispose]();
  }, 10);
  assert.equal(seen, 1);
  assert.equal(
    reader.drain(() => seen++, 10),
    0,
  );
  assert.equal(reader.pendingBytes, 0);
  using next = new RingReader(fixture.ring.fd, SIZE);
  assert.equal(
    next.drain(() => seen++, 10),
    4,
  );
});

test('a size that is not the ring’s is refused before anything is mapped', () => {
  using fixture = new Fixture();
  for (const size of [0, 1000, 2048, SIZE + 4096, 2 ** 31]) {
    assert.throws(() => new RingReader(fixture.ring.fd, size), { code: 'KERNEL_CALL' }, `${size}`);
  }
  assert.throws(() => new RingReader(fixture.ring.fd, SIZE * 2), { code: 'KERNEL_CALL', message: /EPERM|EINVAL/ });
});

const until = async (done: () => boolean): Promise<void> => {
  const deadline = performance.now() + 5000;
  while (!done()) {
    assert.ok(performance.now() < deadline, 'nothing came in 5 s');
    await sleep(1);
  }
};

for (const { name, flags, idleMs } of [
  { name: 'a wake-up of the kernel', flags: 0, idleMs: 3_600_000 },
  { name: 'the idle look, when producers do not wake us', flags: NO_WAKEUP, idleMs: 5 },
]) {
  test(`watchRing: reads on ${name}, again and again`, async () => {
    using fixture = new Fixture();
    using reader = new RingReader(fixture.ring.fd, SIZE);
    const checker = new Checker();
    const abort = new AbortController();
    const watched = watchRing(reader, checker.onRecord, abort.signal, { idleMs });
    try {
      for (let made = 50; made <= 500; made += 50) {
        await sleep(4); // longer than the tick: the pump is back in epoll
        fixture.produce(50, 0, flags);
        await until(() => checker.next === made);
      }
    } finally {
      abort.abort();
    }
    await watched;
  });
}

test('watchRing: a flood is read in batches, with turns for others between them', async () => {
  using fixture = new Fixture();
  using reader = new RingReader(fixture.ring.fd, SIZE);
  const checker = new Checker();
  const abort = new AbortController();
  fixture.produce(20_000);
  const watched = watchRing(reader, checker.onRecord, abort.signal, { batch: 1000 });
  assert.equal(checker.next, 1000);
  let turns = 0;
  while (checker.next < 20_000) {
    await new Promise(setImmediate);
    turns++;
  }
  assert.ok(turns >= 19, `${turns} turns`);
  abort.abort();
  await watched;
});

test('watchRing: ends at once when aborted, and rejects with what a reader throws', async () => {
  using fixture = new Fixture();
  using reader = new RingReader(fixture.ring.fd, SIZE);
  fixture.produce(2);
  await watchRing(reader, () => assert.fail('read after the end'), AbortSignal.abort());
  const bug = new Error('bug');
  await assert.rejects(
    watchRing(
      reader,
      () => {
        throw bug;
      },
      new AbortController().signal,
    ),
    bug,
  );
  assert.equal(
    reader.drain(() => {}, 10),
    1,
  );
});
