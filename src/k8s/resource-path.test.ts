// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from './api.ts';
import { resourcePath } from './resource-path.ts';

const PODS: Kind = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const ROLES: Kind = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRole', plural: 'clusterroles', namespaced: false };

test('resourcePath: core and named groups, with and without namespace and name', () => {
  assert.equal(resourcePath(PODS, {}), '/api/v1/pods');
  assert.equal(resourcePath(PODS, { name: 'a', namespace: 'ns' }, 'status'), '/api/v1/namespaces/ns/pods/a/status');
  assert.equal(resourcePath(ROLES, { name: 'system:node' }), '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode');
});

for (const name of ['', '.', '..', 'a/b', '%2e%2e']) {
  test(`resourcePath: ${JSON.stringify(name)} is no name`, () => {
    assert.throws(() => resourcePath(PODS, { name, namespace: 'ns' }), RangeError);
    assert.throws(() => resourcePath(PODS, { name: 'a', namespace: name }), RangeError);
  });
}

test('resourcePath: an object of a namespaced kind needs its namespace', () => {
  assert.throws(() => resourcePath(PODS, { name: 'a' }), /pods "a" needs a namespace/);
});
