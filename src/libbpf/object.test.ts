// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KubeArmorError } from '#base';
import { compileBpf } from '../../tools/testing/compile-bpf.ts';
import { BpfLink } from './link.ts';
import { BpfMap, MAP_FLAGS, UPDATE_FLAGS } from './map.ts';
import { BpfObject } from './object.ts';
import { probeLsm } from './probe.ts';
import { isBpffs, mountBpffs } from './system.ts';

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
const volatile __u32 step = 1;
const volatile __u64 magic[2] = {};
const volatile _Bool wide = 0;
__u64 started = 5;
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 8); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __uint(key_size, 4); __array(values, struct inner); } outer SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); __uint(pinning, LIBBPF_PIN_BY_NAME); } named SEC(".maps");

SEC("raw_tp") int bump(__u64 *ctx)
{
	__u32 key = (__u32)ctx[0];
	__u64 one = step, *count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		*count += step;
	else
		bpf_map_update_elem(&counts, &key, &one, 0);
	started++;
	return wide ? magic[1] : 0;
}
SEC("raw_tp") int read_inner(__u64 *ctx)
{
	__u32 key = 0, *value;
	void *inner = bpf_map_lookup_elem(&outer, &key);
	if (!inner)
		return -1;
	value = bpf_map_lookup_elem(inner, &key);
	return value ? *value : -2;
}
SEC("raw_tp/sys_enter") int live(void *ctx) { __u32 key = 0; return bpf_map_lookup_elem(&named, &key) ? 1 : 0; }
`;

const BROKEN = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("raw_tp") int fine(void *ctx) { return 0; }
SEC("raw_tp") int wild(__u64 *ctx) { return *(__u32 *)(ctx[0] + 8); }
`;

const ITERATOR = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; } __attribute__((preserve_access_index));
struct task_struct { char comm[16]; } __attribute__((preserve_access_index));
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; } __attribute__((preserve_access_index));
SEC("iter/task") int dump(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	char comm[16]; /* 6.1 takes no kernel pointer for bpf_seq_write */
	if (task && !bpf_probe_read_kernel(comm, sizeof(comm), task->comm))
		bpf_seq_write(ctx->meta->seq, comm, sizeof(comm));
	return 0;
}
`;

/** A BPF file system of our own, so that nothing of ours stays in the machine's. */
const PINS = mkdtempSync(join(tmpdir(), 'kubearmor-test-'));
const noBpffs = mountRefusal() ?? false;
const bytes = compileBpf(SOURCE);

after(() => {
  if (noBpffs === false) execFileSync('umount', [PINS]);
  rmdirSync(PINS);
});

function mountRefusal(): string | undefined {
  try {
    mountBpffs(PINS);
    mountBpffs(PINS); // is there now: nothing to do
    assert.ok(isBpffs(PINS));
    return undefined;
  } catch (error) {
    if (process.getuid?.() === 0 || !(error instanceof KubeArmorError)) throw error;
    return error.message;
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** The test object without its map that is pinned by name, unless a root is given. */
function open(pinRoot = PINS): BpfObject {
  return BpfObject.open(bytes, { name: 'test', pinRoot });
}

const failure = (call: () => unknown): KubeArmorError => {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof KubeArmorError, String(error));
    return error;
  }
  return assert.fail('nothing was thrown');
};

test('a program runs with the globals, map sizes and autoload that were set before load', { skip: noBpffs }, () => {
  using object = open();
  object.setGlobal('step', 3);
  object.setGlobal('magic', Buffer.concat([u64(1n), u64(77n)]));
  object.setGlobal('wide', true);
  object.setGlobal('started', 41n);
  object.setMapMaxEntries('counts', 2);
  object.setAutoload('live', false);
  assert.deepEqual(
    object.programs().map((p) => [p.name, p.section, p.autoload]),
    [
      ['bump', 'raw_tp', true],
      ['read_inner', 'raw_tp', true],
      ['live', 'raw_tp/sys_enter', false],
    ],
  );
  object.load();
  const bump = object.program('bump');
  for (const key of [7n, 7n, 9n, 11n]) assert.equal(bump.testRun({ context: u64(key) }).returned, 77);

  const counts = object.map('counts');
  assert.deepEqual(counts.info, { ...counts.info, name: 'counts', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 2 });
  assert.deepEqual(counts.lookup(u32(7)), u64(6n));
  assert.equal(counts.lookup(u32(11)), undefined, 'the third key did not fit');
  assert.deepEqual(
    counts
      .keys()
      .map((key) => key.readUInt32LE())
      .toSorted((a, b) => a - b),
    [7, 9],
  );
  using data = object.map('.data').mmap();
  assert.equal(new BigUint64Array(data.buffer, 0, 1)[0], 45n);
  assert.equal(object.program('live').fd < 0, true);
});

test('parts of an object that load apart work on the same maps and globals', { skip: noBpffs }, async () => {
  using first = BpfObject.open(bytes, { name: 'first', pinRoot: PINS });
  first.setGlobal('step', 7);
  for (const { name } of first.programs()) first.setAutoload(name, false);
  first.load();
  const parts = ['bump', 'read_inner'].map((wanted) => {
    const part = BpfObject.open(bytes, { name: 'part', pinRoot: PINS });
    for (const { name } of part.programs()) part.setAutoload(name, name === wanted);
    part.shareMaps(first);
    return part;
  });
  using bump = parts[0]!;
  using readInner = parts[1]!;
  await Promise.all(parts.map((part) => part.loadApart()));
  bump.program('bump').testRun({ context: u64(3n) });
  assert.deepEqual(first.map('counts').lookup(u32(3)), u64(7n), 'step is of the first');
  assert.deepEqual(first.map('.data').lookup(u32(0)), u64(6n));
  assert.equal(readInner.program('read_inner').testRun().returned, 0xffffffff);
  unlinkSync(join(PINS, 'named'));
});

test('a part that is rejected says so, and can then only be disposed', { skip: noBpffs }, async () => {
  using object = BpfObject.open(compileBpf(BROKEN), { name: 'broken' });
  await assert.rejects(object.loadApart(), { code: 'KERNEL_LOAD', message: 'loading BPF object broken: EACCES' });
  assert.throws(() => object.map('x'), TypeError);
});

test('globals that do not exist or do not fit are bugs', { skip: noBpffs }, () => {
  using object = open();
  assert.throws(() => object.setGlobal('nope', 1), { message: 'object test has no global nope' });
  assert.throws(() => object.setGlobal('step', 2 ** 32), { message: '4294967296 does not fit 4 bytes' });
  assert.throws(() => object.setGlobal('magic', 1), RangeError);
  assert.throws(() => object.setGlobal('step', Buffer.alloc(8)), { message: 'object test: global step has 4 bytes, got 8' });
  assert.throws(() => object.map('counts'), { message: 'object test is opened, not loaded' });
  assert.throws(() => object.program('nope'), { message: 'object test has no program nope' });
});

test('a value may be negative, and is then sign-extended to the variable', { skip: noBpffs }, () => {
  using object = open();
  object.setGlobal('step', -1);
  object.load();
  assert.deepEqual(object.map('.rodata').lookup(u32(0))?.subarray(0, 4), u32(0xffff_ffff));
});

test('an inner map is swapped with one update, and what is not there is told', { skip: noBpffs }, () => {
  using object = open();
  object.load();
  const run = (): number => object.program('read_inner').testRun({ context: u64(0n) }).returned | 0;
  assert.equal(run(), -1);
  for (const value of [10, 20]) {
    using inner = BpfMap.create({ type: 'array', name: 'inner', keySize: 4, valueSize: 8, maxEntries: 1 });
    inner.update(u32(0), u64(BigInt(value)));
    object.map('outer').update(u32(0), u32(inner.fd));
    assert.equal(run(), value);
  }
  assert.equal(run(), 20, 'the outer map keeps the inner one alive');
  using wrong = BpfMap.create({ type: 'array', name: 'wrong', keySize: 4, valueSize: 16, maxEntries: 1 });
  assert.equal(failure(() => object.map('outer').update(u32(0), u32(wrong.fd))).message, 'updating BPF map outer: EINVAL');
});

test('links and maps survive in pins, are adopted, and go with them', { skip: noBpffs }, () => {
  const path = join(PINS, 'live-link');
  const mapPath = join(PINS, 'counts');
  assert.equal(BpfLink.openPinned(path), undefined);
  assert.equal(BpfMap.openPinned(mapPath), undefined);
  {
    using object = open();
    object.load();
    using link = object.program('live').attach();
    link.pin(path);
    assert.ok(link.id > 0);
    unlinkSync(path);
    link.pin(path); // what lost its pin can be pinned again
    object.map('counts').update(u32(1), u64(2n));
    object.map('counts').pin(mapPath);
    assert.equal(failure(() => object.map('counts').pin(mapPath)).message, `pinning map counts at ${mapPath}: EEXIST`);
    object.map('named').update(u32(5), u32(6));
  }
  using link = BpfLink.openPinned(path);
  assert.ok(link !== undefined && link.fd >= 0);
  using map = BpfMap.openPinned(mapPath);
  assert.deepEqual(map?.lookup(u32(1)), u64(2n));
  using byId = BpfMap.openId(map!.info.id);
  assert.deepEqual(byId?.lookup(u32(1)), u64(2n));
  assert.equal(BpfMap.openId(0x7fff_fff0), undefined);
  assert.match(failure(() => BpfMap.openPinned(path)).message, /^opening the map pinned at .*live-link: it is anon_inode:.*link/);
  assert.match(failure(() => BpfLink.openPinned(mapPath)).message, /^opening the link pinned at .*counts: it is anon_inode:.*map/);

  using again = open();
  again.reuseMap('counts', map?.fd ?? -1);
  again.load();
  assert.equal(again.map('counts').info.id, map?.info.id);
  assert.deepEqual(again.map('named').lookup(u32(5)), u32(6), 'LIBBPF_PIN_BY_NAME found under pinRoot');
});

test('after disposing, handles fail and nothing crashes', { skip: noBpffs }, () => {
  const object = open();
  object.load();
  const map = object.map('counts');
  const program = object.program('bump');
  using link = object.program('live').attach();
  object[Symbol.dispose]();
  object[Symbol.dispose]();
  assert.equal(failure(() => map.lookup(u32(1))).message, 'looking up a key of BPF map counts: EBADF');
  assert.throws(() => program.testRun(), { message: 'the object of program bump is disposed' });
  assert.throws(() => object.programs(), { message: 'object test is disposed' });
  link[Symbol.dispose]();
  assert.equal(link.fd, -1);
  assert.throws(() => link.pin(join(PINS, 'x')), { message: 'link live is disposed' });
});

test('a missing file and a file that is no object are told apart', () => {
  const missing = failure(() => BpfObject.open('/nonexistent/x.bpf.o'));
  assert.equal(missing.code, 'KERNEL_LOAD');
  assert.match(missing.message, /^opening BPF object \/nonexistent\/x\.bpf\.o: ENOENT: /);
  const garbage = failure(() => BpfObject.open(Buffer.from('no elf here, only text that is longer than a header of sixty-four bytes')));
  assert.equal(garbage.code, 'KERNEL_LOAD');
  assert.match(garbage.message, /^opening BPF object object: /);
  assert.ok(garbage.cause instanceof Error && garbage.cause.message !== '');
});

test('a rejected program is named, with the verifier’s last word and the end of its log', () => {
  using object = BpfObject.open(compileBpf(BROKEN), { name: 'broken' });
  const error = failure(() => object.load());
  assert.equal(error.code, 'KERNEL_LOAD');
  assert.equal(error.message, "loading BPF object broken: program wild: EACCES: R1 invalid mem access 'scalar'");
  assert.deepEqual(error.context, { errno: 'EACCES', program: 'wild' });
  assert.ok(error.cause instanceof Error);
  assert.match(error.cause.message, /func#0 @0|R1=ctx/);
  assert.match(error.cause.message, /processed \d+ insns/);
  assert.ok(error.cause.message.split('\n').length <= 40);
  assert.throws(() => object.map('x'), TypeError, 'it can only be disposed');
});

test('a program that is not set to load does not fail the object', () => {
  using object = BpfObject.open(compileBpf(BROKEN), { name: 'broken' });
  object.setAutoload('wild', false);
  object.load();
  assert.equal(object.program('fine').testRun({ context: u64(0n) }).returned, 0);
});

test('an iterator runs once and gives what it wrote: every task, us among them', () => {
  using object = BpfObject.open(compileBpf(ITERATOR), { name: 'iterator' });
  object.load();
  const output = object.program('dump').runIterator();
  const names = Array.from({ length: output.length / 16 }, (_, i) => output.toString('latin1', i * 16, i * 16 + 16).replace(/\0.*$/s, ''));
  assert.ok(names.includes(readFileSync('/proc/self/comm', 'latin1').trim()), names.join(' '));
});

const LSM = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
__u64 opened;
SEC("lsm/file_open") int count_open(void *ctx) { __sync_fetch_and_add(&opened, 1); return 0; }
`;
const lsm = probeLsm();

test('an LSM program attaches where the probe says so', { skip: lsm.usable ? false : lsm.reason }, () => {
  using object = BpfObject.open(compileBpf(LSM), { name: 'lsm' });
  object.load();
  {
    using link = object.program('count_open').attach();
    assert.ok(link.fd >= 0);
    readFileSync('/proc/self/comm');
  }
  using bss = object.map('.bss').mmap();
  assert.ok((new BigUint64Array(bss.buffer, 0, 1)[0] ?? 0n) > 0n, 'the hook fires: bpf is among the active LSMs');
});

test('attaching where there is nothing tells what and why', () => {
  const source = BROKEN.replace('SEC("raw_tp") int fine', 'SEC("raw_tp/no_such_tracepoint") int fine');
  using object = BpfObject.open(compileBpf(source), { name: 'astray' });
  object.setAutoload('wild', false);
  object.load();
  const error = failure(() => object.program('fine').attach());
  assert.equal(error.message, 'attaching program fine (raw_tp/no_such_tracepoint): ENOENT');
});

test('BpfMap: update flags, delete, full, wrong lengths', () => {
  using map = BpfMap.create({ type: 'hash', name: 'flags', keySize: 4, valueSize: 4, maxEntries: 2, flags: MAP_FLAGS.NO_PREALLOC });
  map.update(u32(1), u32(10), UPDATE_FLAGS.NOEXIST);
  assert.equal(failure(() => map.update(u32(1), u32(10), UPDATE_FLAGS.NOEXIST)).context.errno, 'EEXIST');
  assert.equal(failure(() => map.update(u32(2), u32(10), UPDATE_FLAGS.EXIST)).context.errno, 'ENOENT');
  map.update(u32(2), u32(20));
  assert.equal(failure(() => map.update(u32(3), u32(30))).message, 'updating BPF map flags: E2BIG');
  assert.deepEqual([map.delete(u32(1)), map.delete(u32(1))], [true, false]);
  assert.deepEqual(map.keys(), [u32(2)]);
  assert.throws(() => map.lookup(Buffer.alloc(3)), { name: 'RangeError', message: 'map flags: a key has 4 bytes, got 3' });
  assert.throws(() => map.update(u32(1), Buffer.alloc(5)), RangeError);
  assert.equal(
    failure(() => BpfMap.create({ type: 'array', name: 'bad', keySize: 8, valueSize: 4, maxEntries: 1 })).message,
    'creating BPF map bad (array): EINVAL',
  );
});

test('BpfMap: an mmapable array is written in place; frozen it refuses us; unmapped memory is gone, not dangling', () => {
  using map = BpfMap.create({ type: 'array', name: 'pages', keySize: 4, valueSize: 16, maxEntries: 300, flags: MAP_FLAGS.MMAPABLE });
  const memory = map.mmap({ writable: true });
  const view = new Uint8Array(memory.buffer);
  assert.equal(view.length, 8192);
  view[299 * 16] = 42;
  assert.equal(map.lookup(u32(299))?.[0], 42);
  assert.equal(failure(() => map.freeze()).context.errno, 'EBUSY');
  memory[Symbol.dispose]();
  assert.deepEqual([view.length, view[0]], [0, undefined]);
  map.freeze();
  assert.equal(failure(() => map.update(u32(0), Buffer.alloc(16))).context.errno, 'EPERM');
  assert.equal(failure(() => map.mmap({ writable: true })).context.errno, 'EPERM');
});

test('BpfMap: a per-CPU value has a cell for every possible CPU', () => {
  using map = BpfMap.create({ type: 'percpu_array', name: 'cpus', keySize: 4, valueSize: 4, maxEntries: 1 });
  assert.ok(map.cellBytes >= 8 && map.cellBytes % 8 === 0);
  const value = Buffer.alloc(map.cellBytes, 0);
  value.writeUInt32LE(9, map.cellBytes - 8);
  map.update(u32(0), value);
  assert.deepEqual(map.lookup(u32(0)), value);
});
