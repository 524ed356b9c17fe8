// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventDecoder } from './decode-event.ts';
import type { DecodedEvent } from './decode-event.ts';
import { EVENT, EVENT_FLAG, HOOK, OUTCOME } from './event-layout.gen.ts';

const AT = EVENT.offsets;

interface Parts {
  readonly hook?: number;
  readonly outcome?: number;
  readonly rule?: number;
  readonly flags?: number;
  readonly subject?: string | Buffer;
  readonly path?: string;
  readonly args?: string;
  readonly argc?: number;
  readonly socket?: { readonly domain: number; readonly port: number; readonly address: readonly number[] };
}

const DEFAULTS = {
  hook: HOOK.FILE_OPEN as number,
  outcome: OUTCOME.DENIED as number,
  rule: 7,
  flags: 0,
  subject: '/bin/sh' as string | Buffer,
  path: '',
  args: '',
  argc: 0,
  socket: { domain: 0, port: 0, address: [] as readonly number[] },
};

/** A record as the kernel writes it. */
function record(parts: Parts): Buffer {
  const { hook, outcome, rule, flags, subject, path, args, argc, socket } = { ...DEFAULTS, ...parts };
  const strings = [subject, '/sbin/init', path, args].map((text) => Buffer.from(text as string));
  const head = Buffer.alloc(EVENT.size);
  head.writeUInt16LE(hook, AT.hook);
  head.writeUInt8(outcome, AT.outcome);
  head.writeUInt8(flags, AT.flags);
  head.writeUInt32LE(rule, AT.rule);
  head.writeUInt32LE(3, AT.count);
  for (const [i, at] of [AT.subject_len, AT.parent_len, AT.path_len, AT.args_len].entries()) head.writeUInt16LE(strings[i]!.length, at);
  head.writeUInt16LE(argc, AT.argc);
  head.write('pts0', AT.tty);
  head.writeUInt16LE(socket.domain, AT.sock_domain);
  head.writeUInt16LE(socket.port, AT.sock_port);
  Buffer.from(socket.address).copy(head, AT.sock_addr);
  return Buffer.concat([head, ...strings]);
}

const decodeEvent = (bytes: Buffer): DecodedEvent | undefined => new EventDecoder().decode(bytes, 0, bytes.length);

test('a denial names its rule, its count and its strings', () => {
  const event = decodeEvent(record({ path: '/etc/shadow' }))?.event;
  assert.equal(event?.ruleId, 7);
  assert.equal(event?.count, 3);
  assert.deepEqual([event?.subject, event?.parent, event?.path, event?.tty], ['/bin/sh', '/sbin/init', '/etc/shadow', 'pts0']);
  assert.deepEqual([event?.hook, event?.outcome], ['FILE_OPEN', 'denied']);
});

test('no rule is a default posture', () => {
  assert.equal(decodeEvent(record({ rule: 0xffffffff }))?.event.ruleId, undefined);
});

test('arguments end where argc says: the environment behind them is never shown', () => {
  const args = 'ls\0-l\0/tmp\0PASSWORD=hunter2\0';
  assert.deepEqual(decodeEvent(record({ path: '/bin/ls', args, argc: 3 }))?.event.args, ['-l', '/tmp']);
});

test('a program called by another name shows the name', () => {
  const decoded = decodeEvent(record({ path: '/bin/busybox', args: '-sh\0-c\0id\0', argc: 3 }));
  assert.deepEqual(decoded?.event.args, ['sh', '-c', 'id']);
});

test('a cut argument, and arguments that did not fit, end with an ellipsis', () => {
  assert.deepEqual(decodeEvent(record({ path: '/bin/ls', args: 'ls\0abc', argc: 2 }))?.event.args, ['abc…']);
  assert.deepEqual(decodeEvent(record({ path: '/bin/ls', args: 'ls\0a\0', argc: 9 }))?.event.args, ['a', '…']);
});

test('invalid UTF-8 becomes U+FFFD', () => {
  assert.equal(decodeEvent(record({ subject: Buffer.from([0x2f, 0xff, 0x61]) }))?.event.subject, '/\ufffda');
});

const addresses = [
  { domain: 2, address: [10, 0, 0, 1], text: '10.0.0.1' },
  { domain: 10, address: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], text: '2001:db8::1' },
];
for (const { domain, address, text } of addresses) {
  test(`a peer is told: ${text}`, () => {
    const socket = decodeEvent(record({ hook: HOOK.SOCKET_CONNECT, socket: { domain, port: 443, address } }))?.event.socket;
    assert.deepEqual([socket?.address, socket?.port], [text, 443]);
  });
}

test('flags say that a path is foreign or cut', () => {
  const decoded = decodeEvent(record({ flags: EVENT_FLAG.FOREIGN | EVENT_FLAG.CUT }));
  assert.deepEqual([decoded?.foreign, decoded?.cut], [true, true]);
});

test('what no program of ours writes is refused, and lengths beyond the record are clamped', () => {
  assert.equal(decodeEvent(Buffer.alloc(EVENT.size - 1)), undefined);
  assert.equal(decodeEvent(record({ hook: 999 })), undefined);
  assert.equal(decodeEvent(record({ outcome: 99 })), undefined);
  const short = record({ path: '/etc/shadow' });
  short.writeUInt16LE(60_000, AT.path_len);
  assert.equal(decodeEvent(short)?.event.path, '/etc/shadow');
});

test('a record is read where it lies, never beyond its end or the ring’s', () => {
  const one = record({ path: '/etc/shadow' });
  const next = record({ subject: '/bin/next', path: '/next' });
  one.writeUInt16LE(60_000, AT.path_len);
  const ring = Buffer.concat([next, one, next]);
  const decoder = new EventDecoder();
  assert.equal(decoder.decode(ring, next.length, one.length)?.event.path, '/etc/shadow');
  assert.equal(decoder.decode(ring, next.length + one.length, next.length)?.event.path, '/next');
  assert.equal(decoder.decode(ring, next.length + one.length, next.length + 1), undefined);
});
