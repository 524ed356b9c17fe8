// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, ScalarType, toBinary } from '@bufbuild/protobuf';
import type { DescField, DescMessage, DescService, Message } from '@bufbuild/protobuf';
import {
  AlertSchema,
  Health,
  LogSchema,
  LogService,
  MessageSchema,
  policySchema,
  PolicyService,
  ProbeResponseSchema,
  ProbeService,
  responseSchema,
  StateAgent,
} from './index.ts';

const SERVICES: readonly DescService[] = [LogService, PolicyService, ProbeService, StateAgent, Health];

/** What Go's JSON of its generated structs says: zero is omitted, 64-bit integers are numbers, bytes base64. */
function goJson(schema: DescMessage, message: Message): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const field of schema.fields) {
    const value: unknown = Reflect.get(message, field.localName);
    const shown = value === undefined ? undefined : goValue(field, value);
    const always = ['PPID', 'UID'].includes(field.name) && ['feeder.Alert', 'feeder.Log'].includes(schema.typeName);
    if (always || !isEmpty(field, shown)) json[field.name] = shown;
  }
  return json;
}
function goValue(field: DescField, value: unknown): unknown {
  if (field.fieldKind === 'message') return goJson(field.message, value as Message);
  if (field.fieldKind === 'list')
    return (value as unknown[]).map((item) => (field.listKind === 'message' ? goJson(field.message, item as Message) : item));
  if (field.fieldKind === 'map') {
    const entries = Object.entries(value as object);
    return Object.fromEntries(
      entries.map(([key, item]) => [key, field.mapKind === 'message' ? goJson(field.message, item as Message) : item]),
    );
  }
  if (field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES) return Buffer.from(value as Uint8Array).toString('base64');
  return typeof value === 'bigint' ? Number(value) : value;
}
function isEmpty(field: DescField, value: unknown): boolean {
  if (value === undefined || value === '' || value === 0) return true;
  if (field.fieldKind === 'list') return (value as unknown[]).length === 0;
  return field.fieldKind === 'map' && Object.keys(value as object).length === 0;
}

function schemaOf(method: string, direction: string): DescMessage | undefined {
  const [, service, name] = method.split('/');
  const found = SERVICES.find((candidate) => candidate.typeName === service)?.methods.find((candidate) => candidate.name === name);
  return direction === 'request' ? found?.input : found?.output;
}

interface Line {
  readonly method: string;
  readonly direction: string;
  readonly bytes: string;
  readonly json: unknown;
  readonly decode_error?: string;
  readonly reencode_equal?: boolean;
}

function check(line: Line, place: string): 'decoded' | 'refused' | 'no message' {
  if (line.decode_error !== undefined) {
    const refusing = schemaOf(line.method, line.direction);
    assert.ok(refusing, place);
    assert.throws(() => fromBinary(refusing, Buffer.from(line.bytes, 'base64')), place);
    return 'refused';
  }
  if (line.json === null) return 'no message';
  const schema = schemaOf(line.method, line.direction);
  assert.ok(schema, place);
  const bytes = Buffer.from(line.bytes, 'base64');
  const message = fromBinary(schema, bytes);
  assert.deepEqual(goJson(schema, message), line.json, place);
  if (line.direction === 'response') assert.equal(message.$unknown, undefined, `${place}: unknown fields`);
  const again = Buffer.from(toBinary(schema, message));
  if (line.reencode_equal === true) assert.equal(again.toString('base64'), line.bytes, `${place}: encoded again`);
  else assert.deepEqual(fromBinary(schema, again), message, place);
  return 'decoded';
}

const recorded = fileURLToPath(new URL('../../../shared/reference/wire', import.meta.url));

test(
  'every recorded message of KubeArmor decodes to its values',
  { skip: existsSync(recorded) ? false : 'absent: ../shared/reference/wire' },
  () => {
    const counts = { decoded: 0, refused: 0, 'no message': 0 };
    for (const file of readdirSync(recorded).filter((name) => name.endsWith('.jsonl'))) {
      const lines = readFileSync(path.join(recorded, file), 'utf8').trimEnd().split('\n');
      for (const [i, line] of lines.entries()) counts[check(JSON.parse(line) as Line, `${file}:${i + 1}`)]++;
    }
    assert.ok(counts.decoded >= 400, JSON.stringify(counts));
    assert.equal(counts.refused, 7);
  },
);

/** Written by hand from the field numbers: tag = number << 3 | wire type. */
const OWN: readonly (readonly [name: string, schema: DescMessage, hex: string, json: object])[] = [
  ['empty alert', AlertSchema, '', { PPID: 0, UID: 0 }],
  ['alert: Timestamp 1, UID 12, Action 22', AlertSchema, '0805 600a b20105426c6f636b', { Timestamp: 5, PPID: 0, UID: 10, Action: 'Block' }],
  [
    'alert: ATags 30, Owner 31, ExecEvent 36',
    AlertSchema,
    'f2010141 fa01030a0152 a202030a0130',
    { PPID: 0, UID: 0, ATags: ['A'], Owner: { Ref: 'R' }, ExecEvent: { ExecID: '0' } },
  ],
  [
    'alert: EventData 43, UserName 44',
    AlertSchema,
    'da02060a014b120156 e2020472 6f6f74',
    { PPID: 0, UID: 0, EventData: { K: 'V' }, UserName: 'root' },
  ],
  ['alert: ours 47, 48, 50', AlertSchema, 'fa020166 800300 900303', { PPID: 0, UID: 0, RuleField: 'f', RuleID: 0, Count: 3 }],
  [
    'log: Type 13, Labels 23, Owner 24',
    LogSchema,
    '6a0154 ba01016c c201030a0152',
    { PPID: 0, UID: 0, Type: 'T', Labels: 'l', Owner: { Ref: 'R' } },
  ],
  ['log: UserName 34, Count 35', LogSchema, '92020172 980202', { PPID: 0, UID: 0, UserName: 'r', Count: 2 }],
  ['message: Level 7, Message 8', MessageSchema, '3a0149 420161', { Level: 'I', Message: 'a' }],
  ['policy 1, response 1', policySchema, '0a027b7d', { policy: 'e30=' }],
  ['response: Invalid', responseSchema, '0805', { status: 5 }],
  [
    'probe: containerMap 2',
    ProbeResponseSchema,
    '0a0163 12070a016312021002',
    { containerList: ['c'], containerMap: { c: { policyEnabled: 2 } } },
  ],
];
for (const [name, schema, hex, json] of OWN) {
  test(`wire: ${name}`, () => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    const got = goJson(schema, fromBinary(schema, bytes));
    // Presence is explicit for RuleID: 0 is a rule.
    if (name.includes('48')) got['RuleID'] = Reflect.get(fromBinary(schema, bytes), 'RuleID');
    assert.deepEqual(got, json);
    assert.equal(Buffer.from(toBinary(schema, fromBinary(schema, bytes))).length, bytes.length);
  });
}

test('the numbers that are ours begin behind KubeArmor’s', () => {
  const ours = (schema: DescMessage, from: number): string[] =>
    schema.fields.filter((field) => field.number >= from).map((field) => `${field.name}=${field.number}`);
  assert.deepEqual(ours(AlertSchema, 45), [
    'PolicyKind=45',
    'PolicyNamespace=46',
    'RuleField=47',
    'RuleID=48',
    'ImageID=49',
    'Count=50',
    'LostKernel=51',
    'LostQueue=52',
    'BootNs=53',
    'EventID=54',
    'Sequence=55',
  ]);
  assert.deepEqual(ours(LogSchema, 35), ['Count=35', 'LostKernel=36', 'LostQueue=37', 'BootNs=38', 'EventID=39', 'Sequence=40']);
  assert.equal(create(AlertSchema).RuleID, undefined);
});
