// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedText, readNodeReport } from './read-node-report.ts';
import { readConditions } from './read-policy-status.ts';

test('readNodeReport: what has no sense is left out, the rest stays', () => {
  const report = readNodeReport({
    state: 'splendid',
    lacks: [{ construct: 'syscalls', reason: 'not\nyet' }, 7],
    policies: {
      'ksp/shop/good': {
        generation: 3,
        workloads: 2,
        reasons: [
          { code: 'a b', message: 'm' },
          { code: 'Fine', rule: 'spec', message: 'x' },
        ],
      },
      'csp/cluster': { generation: 1, state: 'Refused', inForce: 0, workloads: -1 },
      'hsp/unknown-state': { generation: 1, state: 'Perfect' },
      'ksp/no-name': { generation: 1 },
      'nsp/no-generation': { workloads: 1 },
      constructor: { generation: 1 },
    },
  });
  assert.equal(report.state, 'unknown');
  assert.deepEqual(report.lacks, [
    { construct: 'syscalls', reason: 'not·yet' },
    { construct: '', reason: '' },
  ]);
  assert.deepEqual([...report.policies.keys()], ['ksp/shop/good', 'csp/cluster']);
  assert.deepEqual(report.policies.get('ksp/shop/good'), {
    generation: 3,
    workloads: 2,
    state: 'Enforced',
    more: 0,
    reasons: [
      { code: 'Unknown', message: 'm' },
      { code: 'Fine', rule: 'spec', message: 'x' },
    ],
  });
  assert.deepEqual(report.policies.get('csp/cluster'), { generation: 1, workloads: 0, state: 'Refused', inForce: 0, reasons: [], more: 0 });
});

test('readNodeReport: how many images failed their proof; what is no count is none', () => {
  const imagesOf = (proof: unknown): unknown => readNodeReport({ state: 'enforcing', proof }).images;
  assert.deepEqual(imagesOf({ since: 'x', images: 3, failed: 1 }), { count: 3, failed: 1 });
  for (const proof of [undefined, 'x', [], { images: -1, failed: '2' }]) assert.deepEqual(imagesOf(proof), { count: 0, failed: 0 });
});

test('boundedText: cut in whole characters, with a sign that something is missing', () => {
  assert.equal(boundedText('short', 5), 'short');
  assert.equal(boundedText('longer', 5), 'lo…');
  assert.equal(boundedText('a😀😀', 8), 'a😀…');
  assert.equal(boundedText('\u001b[2Jx\u2028', 99), '·[2Jx·');
  assert.ok(boundedText('\ud83d', 99).isWellFormed());
});

test('readConditions: those of ours with a time', () => {
  const good = {
    type: 'Enforced',
    status: 'True',
    reason: 'Enforced',
    message: '',
    observedGeneration: 1,
    lastTransitionTime: '2026-11-22T00:00:00Z',
  };
  const conditions = [good, { ...good, type: 'Other' }, { ...good, status: 'yes' }, { ...good, lastTransitionTime: 'now' }, null];
  assert.deepEqual(readConditions({ conditions }), { conditions: [good] });
  for (const wrong of [undefined, null, 7, [], { conditions: {} }]) assert.deepEqual(readConditions(wrong), { conditions: [] });
});
