// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGENT_GRACE_MS, KnownNodes } from './known-nodes.ts';
import type { CountedNodes } from './known-nodes.ts';

const REACHED = { 'kubearmor.io/runtime': 'containerd', 'kubearmor.io/socket': 'run_containerd_containerd.sock' };
const taint = (key: string, effect = 'NoSchedule'): object => ({ key, effect });
const [GPU, DOWN] = [taint('gpu'), taint('node.kubernetes.io/unreachable', 'NoExecute')];

const rows: readonly (readonly [name: string, spec: object, labels: Record<string, string>, counted: string])[] = [
  ['an ordinary node', {}, {}, 'reached ordinary'],
  ['a tainted node that agents reach', { taints: [GPU] }, REACHED, 'reached'],
  ['a cordoned node that agents reach', { unschedulable: true, taints: [taint('node.kubernetes.io/unschedulable')] }, REACHED, 'reached'],
  ['a tainted node that agents do not reach', { taints: [GPU] }, {}, ''],
  ['a tainted node that is down', { taints: [GPU, DOWN] }, REACHED, ''],
  ['one whose taint is a wish', { taints: [taint('gpu', 'PreferNoSchedule')] }, {}, 'reached ordinary'],
  ['a node of Windows', { taints: [GPU] }, { ...REACHED, 'kubernetes.io/os': 'windows' }, ''],
];
for (const [name, spec, labels, counted] of rows)
  test(`${name} without an agent counts for: ${counted || 'nobody'}`, () => {
    const all: readonly CountedNodes[] = ['reached', 'ordinary', 'none'];
    const found = all.filter((one) => {
      const nodes = new KnownNodes(one);
      nodes.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', labels }, spec }, { steadyMs: 0, wallMs: 0 }, true);
      return nodes.withoutAgent(AGENT_GRACE_MS).length > 0;
    });
    assert.equal(found.join(' '), counted);
  });
