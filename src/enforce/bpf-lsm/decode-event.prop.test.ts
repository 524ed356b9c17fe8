// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventDecoder } from './decode-event.ts';
import type { DecodedEvent } from './decode-event.ts';
import { EVENT, HOOK, OUTCOME } from './event-layout.gen.ts';

const AT = EVENT.offsets;
const HOOK_NAMES = new Map<number, string>(Object.entries(HOOK).map(([name, value]) => [value, name]));
const OUTCOMES = new Map<number, string>([
  [OUTCOME.DENIED, 'denied'],
  [OUTCOME.AUDITED, 'audited'],
  [OUTCOME.WOULD_DENY, 'would-deny'],
  [OUTCOME.OBSERVED, 'observed'],
]);

function socket(record: Buffer): object {
  const port = record.readUInt16LE(AT.sock_port);
  const family = record.readUInt16LE(AT.sock_domain);
  const bytes = record.subarray(AT.sock_addr, AT.sock_addr + 16);
  const groups = bytes.toString('hex').match(/.{4}/g)!.join(':');
  const address =
    family === 2 ? [...bytes.subarray(0, 4)].join('.') : family === 10 ? new URL(`http://[${groups}]`).hostname.slice(1, -1) : undefined;
  const head = { domain: family, type: record.readUInt16LE(AT.sock_type), protocol: record.readUInt16LE(AT.sock_protocol) };
  return port === 0 ? head : { ...head, port, address };
}

function names(bytes: Buffer, argc: number, path: string): string[] {
  const base = (text: string): string => text.split('/').at(-1)!;
  const ended = bytes.includes(0) ? bytes.subarray(0, bytes.lastIndexOf(0)).toString('latin1').split('\0') : [];
  const rest = bytes.subarray(bytes.lastIndexOf(0) + 1);
  const decode = (text: string): string => Buffer.from(text, 'latin1').toString();
  const all = [...ended.map(decode), ...(rest.length === 0 ? [] : [`${rest.toString()}…`])].slice(0, argc);
  if (all.length > 0 && all.length < argc && !all.at(-1)!.endsWith('…')) all.push('…');
  const name = base(all[0] ?? '').replace(/^-/, '');
  return name === '' || name === base(path) ? all.slice(1) : [name, ...all.slice(1)];
}

/** The same record, read field by field without regard to time. */
function naive(record: Buffer): object | undefined {
  const u32 = (at: number): number => record.readUInt32LE(at);
  const hook = record.length < EVENT.size ? undefined : HOOK_NAMES.get(record.readUInt16LE(AT.hook));
  const outcome = hook === undefined ? undefined : OUTCOMES.get(record[AT.outcome]!);
  if (hook === undefined || outcome === undefined) return undefined;
  const flags = record[AT.flags]!;
  let rest = record.subarray(EVENT.size);
  const take = (lengthAt: number): Buffer => {
    const taken = rest.subarray(0, record.readUInt16LE(lengthAt));
    rest = rest.subarray(taken.length);
    return taken;
  };
  const [subject, parent, path] = [take(AT.subject_len), take(AT.parent_len), take(AT.path_len)].map(String) as [string, string, string];
  const args = names(take(AT.args_len), record.readUInt16LE(AT.argc), path);
  const fixed = (at: number): string => record.toString('latin1', at, at + 16).split('\0')[0]!;
  const event = {
    bootNs: record.readBigUInt64LE(AT.boot_ns),
    scopeId: u32(AT.scope),
    imageId: u32(AT.image),
    ruleId: u32(AT.rule) === 0xffffffff ? undefined : u32(AT.rule),
    outcome,
    hook,
    count: u32(AT.count),
    hostPid: u32(AT.host_pid),
    hostPpid: u32(AT.host_ppid),
    pid: u32(AT.pid),
    ppid: u32(AT.ppid),
    uid: u32(AT.uid),
    tty: Buffer.from(fixed(AT.tty), 'latin1').toString(),
    comm: Buffer.from(fixed(AT.comm), 'latin1').toString(),
    cwd: '/',
    subject,
    parent,
    path,
    args,
    openFlags: hook === 'FILE_OPEN' ? u32(AT.open_flags) : undefined,
    socket: hook.startsWith('SOCKET_') ? socket(record) : undefined,
    capability: hook === 'CAPABLE' ? u32(AT.capability) : undefined,
    tampering: (flags & 8) === 0 ? undefined : { number: u32(AT.capability), target: u32(AT.open_flags) },
  };
  return { event, fold: record.readBigUInt64LE(AT.fold), foreign: (flags & 1) !== 0, cut: (flags & 4) !== 0 };
}

interface Parts {
  readonly head: Uint8Array;
  readonly hook: number;
  readonly outcome: number;
  readonly domain: number;
  readonly argc: number;
  readonly rule: number;
  readonly lengths: readonly number[];
  readonly data: string | Uint8Array;
  readonly cut: number;
}

function recordOf({ head, hook, outcome, domain, argc, rule, lengths, data, cut }: Parts): Buffer {
  const record = Buffer.concat([head, Buffer.from(data as string)]);
  record.writeUInt16LE(hook, AT.hook);
  record.writeUInt8(outcome, AT.outcome);
  record.writeUInt16LE(domain, AT.sock_domain);
  record.writeUInt16LE(argc, AT.argc);
  record.writeUInt32LE(rule, AT.rule);
  for (const [i, at] of [AT.subject_len, AT.parent_len, AT.path_len, AT.args_len].entries()) record.writeUInt16LE(lengths[i]!, at);
  return record.subarray(0, record.length - Math.min(cut, record.length));
}

const length = fc.oneof({ weight: 4, arbitrary: fc.nat(12) }, fc.nat(0xffff));
const record = fc
  .record({
    head: fc.uint8Array({ minLength: EVENT.size, maxLength: EVENT.size }),
    hook: fc.nat(26),
    outcome: fc.nat(5),
    domain: fc.constantFrom(1, 2, 10),
    argc: fc.oneof(fc.nat(4), fc.nat(0xffff)),
    rule: fc.constantFrom(0, 7, 0xffffffff),
    lengths: fc.tuple(length, length, length, length),
    data: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant('/usr/bin/sh/sbin/init/bin/shsh\0-c\0echo hä\0PASSWORD=x'), fc.string()),
    cut: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(200)),
  })
  .map(recordOf);

test('property: as read naively, wherever a record lies, whatever came before it', () => {
  const decoder = new EventDecoder();
  const property = fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), fc.nat(9), (records, gap) => {
    const padding = Buffer.alloc(gap, 'x');
    const ring = Buffer.concat(records.flatMap((bytes) => [padding, bytes]));
    const decodeAll = (): (DecodedEvent | undefined)[] => {
      let at = 0;
      return records.map((bytes) => {
        at += gap + bytes.length;
        return decoder.decode(ring, at - bytes.length, bytes.length);
      });
    };
    const expected = records.map((bytes) => naive(Buffer.from(bytes)));
    for (let i = 0; i < 3; i++) assert.deepEqual(decodeAll(), expected); // what comes again is remembered
  });
  fc.assert(property, { numRuns: 500 });
});
