// SPDX-License-Identifier: Apache-2.0
//
// ring.host.ts: how many alerts a second the reader takes in, decoded to objects with fresh strings, on this machine's own
// kernel: a program writes records like the enforcer's into a ring, batch by batch, and we read them. Prints lines of JSON.
import { join } from 'node:path';
import { BpfObject } from '#libbpf';
import { RingReader, sumPerCpu } from '#observe';
import { compileBpf } from '../../tools/testing/compile-bpf.ts';
import { EventDecoder } from '#enforce';

const RING_BYTES = 1 << 24;
const BATCH = 40_000;
const TOTAL = 1_000_000;

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "${join(import.meta.dirname, '../../bpf/event.h')}"
char LICENSE[] SEC("license") = "GPL";
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, ${RING_BYTES}); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64[2]); } lost SEC(".maps");
/* /usr/sbin/nginx, its parent, and a file under /var/www: 80 bytes of strings */
static const char text[] = "/usr/sbin/nginx/usr/bin/docker-init/var/www/html/assets/images/000000000/logo.png";
struct record { struct event e; char data[88]; };
struct run { __u64 *counters; };
static long one(__u32 i, struct run *run)
{
	__u64 *counters = run->counters;
	struct record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		counters[1]++;
		return 0;
	}
	__builtin_memset(&r->e, 0, sizeof(r->e));
	r->e.boot_ns = bpf_ktime_get_boot_ns();
	r->e.hook = HOOK_FILE_OPEN;
	r->e.outcome = OUTCOME_DENIED;
	r->e.count = 1;
	r->e.rule = i & 255;
	r->e.host_pid = r->e.pid = i;
	r->e.subject_len = 15;
	r->e.parent_len = 20;
	r->e.path_len = 46;
	__builtin_memcpy(r->e.comm, "nginx", 6);
	__builtin_memcpy(r->data, text, sizeof(text));
	r->data[65] = 'a' + i % 26;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	counters[0]++;
	return 0;
}
SEC("raw_tp") int fill(__u64 *ctx)
{
	__u32 zero = 0;
	__u64 *counters = bpf_map_lookup_elem(&lost, &zero);
	struct run run = { counters };
	if (counters)
		bpf_loop(ctx[0], one, &run, 0);
	return 0;
}
`;

using object = BpfObject.open(compileBpf(SOURCE), { name: 'bench' });
object.load();
const ring = object.map('ring');
using reader = new RingReader(ring.fd, RING_BYTES);
const decoder = new EventDecoder();
const fill = object.program('fill');
let read = 0;
let bytes = 0;

/** A quarter of the batches is quicker: garbage collection counts, what else runs on this machine less. */
const quick = (runs: readonly number[]): number => runs.toSorted((a, b) => a - b)[runs.length >> 2]!;

/** Nanoseconds a record of one batch, decoded or only counted. */
function batch(decode: boolean): number {
  fill.testRun({ context: new Uint8Array(BigUint64Array.of(BigInt(BATCH)).buffer) });
  const before = read;
  const start = process.hrtime.bigint();
  const onRecord = (buffer: Buffer, offset: number, length: number): void => {
    if (!decode || decoder.decode(buffer, offset, length) !== undefined) read++;
    bytes += length;
  };
  while (reader.drain(onRecord, 4096) > 0);
  return Number(process.hrtime.bigint() - start) / (read - before);
}

for (const [name, decode] of [
  ['bare', false],
  ['decoded', true],
] as const) {
  const runs = Array.from({ length: TOTAL / BATCH + 3 }, () => batch(decode)).slice(3);
  console.log(JSON.stringify({ what: `ring record ${name}`, state: '', unit: 'ns', value: quick(runs) }));
}
const [made = 0n, lost = 0n] = sumPerCpu(object.map('lost'), 0, 2);
console.log(JSON.stringify({ what: 'ring lost', state: '', unit: '', value: Number(lost) }));
if (BigInt(read) !== made) throw new Error(`${made} records made, ${read} read`);
console.error(`${read} records of ${bytes / read} bytes`);
