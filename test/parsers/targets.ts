// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { parseAllDocuments, stringify } from 'yaml';
import { KubeArmorError } from '#base';
import { EventDecoder } from '#enforce';
import { EVENT, HOOK, OUTCOME, parseState } from '#enforce/testing';
import type { SavedState } from '#enforce/testing';
import { compile, evaluate, parsePolicyObject, parsePolicyText } from '#policy';
import { holds, VALID_DOCUMENTS, workloadOf } from '#policy/testing';
import { ContainerdTracker, EnvelopeSchema, parseSpec } from '#runtimes/testing';
import { readConfig } from '../../src/agent/config.ts';
import { SETTINGS } from '../../src/agent/settings.ts';
import { readReview } from '../../src/controller/admission.ts';
import { policyWebhook } from '../../src/controller/policy-webhook.ts';
import { reviewOf } from '../../src/controller/testing/ask.ts';
import { deepened, mutated, restructured } from './mutate.ts';
import { RPC_TARGETS } from './rpc-targets.ts';
import { target } from './target.ts';
import type { Target } from './target.ts';

const AUDITED = workloadOf({ file: 'audit', network: 'block', capabilities: 'audit' });
const ACCESS = { kind: 'read', object: { path: '/etc/passwd' }, owner: true, subject: '/bin/sh' } as const;

/** What becomes of a document that somebody wrote: refused with places, or rules that can be run. */
function policies(text: string): void {
  for (const document of parsePolicyText(text, 'f')) {
    holds(document, true);
    if (document.policy === undefined) continue;
    const made = compile([document.policy], AUDITED);
    if (!('exceeded' in made)) evaluate(made.image, ACCESS);
  }
}

const REVIEW = reviewOf({});
const reviewer = policyWebhook({
  reviews: {
    review: (_kind, object) => {
      structuredClone(object); // as the review thread is given it
      return Promise.resolve({ checked: { warnings: [] }, lint: [] });
    },
  },
  hasPod: () => Promise.resolve(true),
  facts: () => ({ reporting: 0, lacks: [], nodes: [] }),
});

/** What becomes of an object that the API server has or asks about: refused, or one that can be copied, compared and written. */
async function policyObject(object: unknown): Promise<void> {
  const document = parsePolicyObject(object);
  holds(document, false);
  if (document.policy !== undefined) structuredClone(JSON.parse(JSON.stringify(document.policy.document, undefined, 2)));
  const review = readReview(REVIEW);
  assert.ok(typeof review !== 'string');
  for (const operation of ['CREATE', 'UPDATE'] as const)
    await reviewer(
      { ...review, operation, kind: 'KubeArmorPolicy', object, oldObject: structuredClone(DOCUMENTS[0]) },
      new AbortController().signal,
    );
}

const DOCUMENTS = VALID_DOCUMENTS.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as unknown));
const bytesOf = (texts: readonly string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));

const CONFIG = [
  'gRPC: 32767\nvisibility: process,file\ndefaultFilePosture: block\n',
  'debug: true\ncriSocket: unix:///run/x.sock\npolicyDir: /tmp/p\n',
];
const settingName = fc.constantFrom(...SETTINGS.map(({ key }) => key), 'nothing', 'grpc', '');
const flags = fc.array(
  fc.oneof(
    fc.tuple(settingName, fc.constantFrom('=', ' ', ''), fc.string({ maxLength: 8 })).map((parts) => `-${parts.join('')}`),
    fc.string({ unit: 'binary', maxLength: 10 }),
    fc.constantFrom('-remove', '-yes', '--', '-', '-=', '-h'),
  ),
  { maxLength: 4 },
);
const environment = fc.dictionary(
  fc.oneof(fc.constantFrom(...SETTINGS.flatMap(({ env }) => env)), fc.constantFrom('KUBEARMOR_CFG', 'KUBEARMOR_X', 'HOME')),
  fc.string({ maxLength: 8 }),
  { maxKeys: 3 },
);

function configuration([file, argv, env]: readonly [Buffer, readonly string[], Readonly<Record<string, string>>]): void {
  const result = readConfig({ argv, env, readFile: () => file.toString() });
  if ('issues' in result) for (const issue of result.issues) assert.ok(issue.problem !== '' && issue.cure !== '', JSON.stringify(issue));
  else if ('config' in result)
    assert.ok(result.config.alertRingBytes > 0 && result.config.policyDir.startsWith('/'), JSON.stringify(result));
}

function validRecord(hook: number): Buffer {
  const strings = '/usr/bin/sh/sbin/init/etc/passwd';
  const record = Buffer.alloc(EVENT.size + strings.length);
  record.write(strings, EVENT.size);
  record.writeUInt16LE(hook, EVENT.offsets.hook);
  record[EVENT.offsets.outcome] = OUTCOME.DENIED;
  for (const [at, length] of [
    ['subject_len', 11],
    ['parent_len', 10],
    ['path_len', 11],
  ] as const)
    record.writeUInt16LE(length, EVENT.offsets[at]);
  return record;
}

const decoder = new EventDecoder();
/** Record after record through one decoder, as a ring brings them: what comes of each is an event or nothing. */
function records(list: readonly Buffer[]): void {
  const ring = Buffer.concat(list);
  let at = 0;
  for (const record of list) {
    const decoded = decoder.decode(ring, at, record.length);
    at += record.length;
    if (decoded === undefined) continue;
    const { event } = decoded;
    for (const text of [event.subject, event.parent, event.path, event.comm, event.tty, ...event.args]) assert.ok(text.isWellFormed());
    assert.ok(Number.isSafeInteger(event.count) && event.hook in HOOK, JSON.stringify(event.hook));
  }
}

const STATE: SavedState = {
  schemaVersion: 1,
  missing: [{ hook: 'x', reason: 'y' }],
  nextImageId: 3,
  images: [
    {
      id: 1,
      slot: 0,
      sizeClass: 0,
      flags: 1,
      key: 'k',
      rules: [
        {
          id: 0,
          kind: 'KubeArmorPolicy',
          namespace: 'd',
          policy: 'p',
          field: 'spec.file.matchPaths[0]',
          family: 'file',
          action: 'Block',
          severity: 1,
          tags: ['t'],
          message: 'm',
        },
      ],
    },
  ],
  scopes: [{ number: 1, key: 'a', cgroupId: '77', imageId: 1 }],
};

/** What is taken is what `SavedState` promises: read here without the reader's own checks. */
function savedState(text: string): void {
  const state = parseState(text);
  if (state === undefined) return;
  assert.ok(Number.isSafeInteger(state.nextImageId));
  for (const { hook, reason } of state.missing) assert.ok(typeof hook === 'string' && typeof reason === 'string');
  for (const { id, slot, sizeClass, flags: bits, key, rules } of state.images) {
    assert.ok([id, slot, bits].every((number) => Number.isSafeInteger(number) && number >= 0) && [0, 1, 2].includes(sizeClass));
    assert.equal(typeof key, 'string');
    for (const rule of rules) assert.ok(typeof rule.field === 'string' && typeof rule.policy === 'string' && Array.isArray(rule.tags));
  }
  for (const { key, cgroupId } of state.scopes) assert.ok(typeof key === 'string' && BigInt(cgroupId) >= 0n);
}

const TOPICS = ['/containers/create', '/containers/delete', '/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete', '/x', ''];
const EVENTS = [Buffer.from([0x0a, 3, 0x61, 0x62, 0x63, 0x12, 3, 0x61, 0x62, 0x63, 0x18, 7]), Buffer.from([0x0a, 2, 0x61, 0x62])];
/** Several events to one tracker: changes, or `PROTOCOL` for one that cannot be read. */
async function containerEvents(events: readonly (readonly [topic: string, body: Buffer])[]): Promise<void> {
  const tracker = new ContainerdTracker(new Map());
  for (const [topic, value] of events) {
    try {
      const envelope = create(EnvelopeSchema, { topic, namespace: 'default', event: { typeUrl: '', value } });
      await tracker.apply(envelope, () => Promise.resolve(undefined));
    } catch (error) {
      assert.ok(error instanceof KubeArmorError && error.code === 'PROTOCOL', String(error));
    }
  }
}

const SPEC = JSON.stringify({
  mounts: [{ destination: '/a', source: '/b', type: 'bind', options: ['ro', 'rbind'] }],
  annotations: { 'io.kubernetes.cri.sandbox-name': 'x' },
  linux: { cgroupsPath: 'system.slice:docker:abc' },
});
function spec(json: Buffer): void {
  const { mounts, annotations } = parseSpec(json);
  for (const { destination } of mounts) assert.equal(typeof destination, 'string');
  for (const value of Object.values(annotations)) assert.equal(typeof value, 'string');
}

const hooks = Object.values(HOOK);

/** Every parser of something that others write. */
export const TARGETS: readonly Target[] = [
  target('policy: bytes', 300, mutated(bytesOf(VALID_DOCUMENTS)), (bytes) => policies(bytes.toString())),
  target('policy: documents of another shape', 300, restructured(DOCUMENTS), (value) => policies(stringify(value))),
  target('policy: objects, also deep ones', 300, deepened(DOCUMENTS), policyObject),
  target('agent configuration', 300, fc.tuple(mutated(bytesOf(CONFIG)), flags, environment), configuration),
  target('event records', 500, fc.array(mutated(hooks.map(validRecord)), { minLength: 1, maxLength: 5 }), records),
  target('saved state: bytes', 300, mutated(bytesOf([JSON.stringify(STATE)])), (bytes) => savedState(bytes.toString())),
  target('saved state: of another shape', 300, restructured([STATE]), (value) => savedState(JSON.stringify(value))),
  target('containerd events', 300, fc.array(fc.tuple(fc.constantFrom(...TOPICS), mutated(EVENTS)), { maxLength: 5 }), containerEvents),
  target('container specification', 300, mutated(bytesOf([SPEC])), spec),
  ...RPC_TARGETS,
];
