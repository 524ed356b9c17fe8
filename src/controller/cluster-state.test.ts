// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRESH_MS, nodeLeaseName } from '#cluster';
import { ClusterState } from './cluster-state.ts';

const NOW = { steadyMs: 0, wallMs: 1_000_000 };

test('ClusterState: where a pod would start unprotected', () => {
  const state = new ClusterState('reached');
  const why = (steadyMs = 0): string | undefined => state.unprotected('n', steadyMs);
  const report = (status: object): unknown => state.putReport({ apiVersion: 'v1', kind: 'KubeArmorNode', metadata: { name: 'n' }, status });
  assert.match(why() ?? '', /no agent reports/);
  state.nodes.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } }, NOW, true);
  report({ state: 'enforcing' });
  assert.match(why() ?? '', /has not said for a minute/);
  const spec = { renewTime: '2026-01-01T00:00:00Z' };
  state.putLease({ apiVersion: 'v1', kind: 'Lease', metadata: { name: nodeLeaseName('n') }, spec }, NOW, true);
  assert.equal(why(), undefined);
  assert.match(why(FRESH_MS) ?? '', /has not said for a minute/);
  report({ state: 'degraded' });
  assert.equal(why(), undefined, 'what one policy cannot have closes no other namespace');
  report({ state: 'degraded', proof: { images: 3, failed: 0 } });
  assert.equal(why(), undefined, 'waiting for a proof is no failure');
  report({ state: 'degraded', proof: { images: 3, failed: 2 } });
  assert.match(why() ?? '', /2 of its 3 rule sets are found not to be in force/);
  report({ state: 'enforcing', proof: { images: 3, failed: 3 } });
  assert.match(why() ?? '', /3 of its 3/, 'whatever else it says');
  report({ state: 'enforcing', proof: { since: '2026-01-01T00:00:00Z', images: 3, failed: 0 } });
  assert.equal(why(), undefined, 'proven again');
  report({});
  assert.match(why() ?? '', /does not say/);
  state.nodes.remove('n');
  report({ state: 'enforcing' });
  assert.match(why() ?? '', /no agent reports/, 'a report without its Node');
});
