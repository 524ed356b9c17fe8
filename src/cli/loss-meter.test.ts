// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LossMeter } from './loss-meter.ts';
import type { FeedItem } from './ports.ts';

const record = (sequence: number, over: Record<string, unknown> = {}): FeedItem => ({
  stream: 'alert',
  record: { Sequence: BigInt(sequence), EventID: `run1-a${sequence}`, HostName: 'n1', ...over },
});

test('LossMeter: what the sender says it lost', () => {
  const meter = new LossMeter();
  assert.equal(meter.note(record(1)), undefined);
  assert.equal(meter.note(record(2, { LostKernel: 3n, LostQueue: 2n })), '5 events were lost (3 in the kernel’s buffer, 2 in queues)');
  assert.equal(meter.note({ stream: 'message', record: {} }), undefined);
  assert.equal(meter.total, 5);
});

test('LossMeter: records missed in a gap are counted by stream and node', () => {
  const meter = new LossMeter();
  meter.note(record(7));
  meter.note(record(100, { HostName: 'n2' }));
  meter.reconnected();
  assert.equal(meter.note(record(10)), '2 records were missed in the gap');
  assert.equal(meter.note(record(11)), undefined);
  assert.equal(meter.note(record(101, { HostName: 'n2' })), '0 records were missed in the gap');
  assert.equal(meter.total, 2);
});

test('LossMeter: after a restart of the agent only its own numbers count', () => {
  const meter = new LossMeter();
  meter.note(record(7));
  meter.reconnected();
  assert.match(meter.note(record(12, { EventID: 'run2-a12' })) ?? '', /restarted in the gap: 11 records/);
  assert.equal(meter.total, 11);
});

test('LossMeter claims nothing about an agent that does not number its records', () => {
  const meter = new LossMeter();
  assert.equal(meter.note({ stream: 'alert', record: { LostKernel: 'x', LostQueue: -1 } }), undefined);
  meter.reconnected();
  assert.equal(meter.note({ stream: 'alert', record: {} }), undefined);
});
