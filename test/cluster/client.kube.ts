// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { KubeObject } from '#k8s';
import type { ControlPlane } from './control-plane.ts';
import { Follower } from './follower.ts';
import { CONFIG_MAPS, configMap, newNamespace } from './suite.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };

async function crud(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  const ref = { name: 'a', namespace };
  assert.equal(await api.get(CONFIG_MAPS, ref), undefined);
  const made = await api.create(CONFIG_MAPS, configMap(namespace, 'a'), BY);
  assert.equal(made.metadata.managedFields?.[0]?.manager, 'test');
  await assert.rejects(api.create(CONFIG_MAPS, configMap(namespace, 'a'), BY), { code: 'API_CONFLICT', message: /already exists/ });
  const dry = await api.patch(CONFIG_MAPS, ref, { data: { dry: 'yes' } }, { ...BY, dryRun: true });
  assert.deepEqual(dry['data'], { size: '1', dry: 'yes' });
  const patched = await api.patch(CONFIG_MAPS, ref, { data: { size: null, colour: 'red' } }, BY);
  assert.deepEqual(patched['data'], { colour: 'red' });
  await assert.rejects(api.replace(CONFIG_MAPS, made, BY), { code: 'API_CONFLICT', message: /has been modified/ });
  await api.replace(CONFIG_MAPS, { ...patched, data: { colour: 'blue' } }, BY);
  assert.deepEqual((await api.get(CONFIG_MAPS, ref))?.['data'], { colour: 'blue' });
  await assert.rejects(api.delete(CONFIG_MAPS, ref, { uid: 'another' }), { code: 'API_CONFLICT' });
  assert.equal(await api.delete(CONFIG_MAPS, ref, { uid: made.metadata.uid ?? '' }), true);
  assert.equal(await api.delete(CONFIG_MAPS, ref), false);
}

async function apply(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  const withData = (data: Record<string, string>): KubeObject => ({ ...configMap(namespace, 'a'), data });
  await api.apply(CONFIG_MAPS, withData({ one: '1', two: '2' }), { fieldManager: 'first' });
  await api.apply(CONFIG_MAPS, withData({ two: 'taken', three: '3' }), { fieldManager: 'second' });
  const applied = await api.apply(CONFIG_MAPS, withData({}), { fieldManager: 'first' });
  assert.deepEqual(applied['data'], { two: 'taken', three: '3' });
  const again = await api.apply(CONFIG_MAPS, { ...applied, data: {} }, { fieldManager: 'first' });
  assert.equal(again.metadata.resourceVersion, applied.metadata.resourceVersion, 'nothing changed');
}

async function refusals(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  await assert.rejects(api.create(CONFIG_MAPS, configMap(namespace, 'Not_A_Name'), BY), { code: 'API_INVALID', message: /metadata\.name/ });
  await assert.rejects(api.create(CONFIG_MAPS, configMap('nowhere', 'a'), BY), { code: 'API_CONFLICT', message: /"nowhere" not found/ });
  await assert.rejects(api.patch(CONFIG_MAPS, { name: 'gone', namespace }, {}, BY), { code: 'API_CONFLICT', message: /not found/ });
  const none = { group: 'ex.test', version: 'v1', kind: 'None', plural: 'nones', namespaced: true };
  assert.equal(await api.get(none, { name: 'a', namespace }), undefined);
  await assert.rejects(api.list(none), { code: 'API_UNREACHABLE' });
}

async function pages(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  const names = Array.from({ length: 1_101 }, (_, index) => `c${index}`);
  for (let start = 0; start < names.length; start += 20) {
    await Promise.all(names.slice(start, start + 20).map((name) => api.create(CONFIG_MAPS, configMap(namespace, name), BY)));
  }
  const listed = await api.list(CONFIG_MAPS, { namespace });
  assert.deepEqual(new Set(listed.map(({ metadata }) => metadata.name)), new Set(names));
  assert.ok(listed.every(({ kind, metadata }) => kind === 'ConfigMap' && metadata.managedFields === undefined));
  const one = await api.list(CONFIG_MAPS, { namespace, fieldSelector: 'metadata.name=c7' });
  assert.equal(one.length, 1);
}

async function watching(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  await api.create(CONFIG_MAPS, configMap(namespace, 'there'), BY);
  await using watch = new Follower(api, CONFIG_MAPS, { namespace, labelSelector: 'out!=yes' });
  await watch.next('synced there');
  await api.create(CONFIG_MAPS, configMap(namespace, 'a'), BY);
  await api.patch(CONFIG_MAPS, { name: 'a', namespace }, { data: { size: '2' } }, BY);
  await api.patch(CONFIG_MAPS, { name: 'a', namespace }, { metadata: { labels: { out: 'yes' } } }, BY);
  await api.delete(CONFIG_MAPS, { name: 'there', namespace });
  assert.deepEqual(await watch.next('deleted there'), ['added a', 'modified a', 'deleted a', 'deleted there']);
}

async function lateKind(plane: ControlPlane): Promise<void> {
  using api = plane.api({ watchPauses: { firstMs: 100, maxMs: 500 } });
  const kind = { group: 'ex.test', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: false };
  await using watch = new Follower(api, kind, {});
  await watch.next('lost API_UNREACHABLE');
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.ex.test' },
    spec: {
      group: 'ex.test',
      scope: 'Cluster',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
  const definitions = {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    namespaced: false,
  };
  await api.create(definitions, definition, BY);
  await watch.next('synced');
  const widget: KubeObject = { apiVersion: 'ex.test/v1', kind: 'Widget', metadata: { name: 'w' }, spec: { size: 1 } };
  await api.create(kind, widget, BY);
  await watch.next('added w');
  const told = await api.apply(kind, { ...widget, spec: { size: 2 }, status: { ready: true } }, { ...BY, subresource: 'status' });
  assert.deepEqual([told['spec'], told['status'], told.metadata.generation], [{ size: 1 }, { ready: true }, 1]);
  await api.delete(definitions, { name: 'widgets.ex.test' });
  await watch.next('lost API_UNREACHABLE');
}

const CASES: readonly ClusterCase[] = [
  { name: 'creates, reads, patches, replaces and deletes, with conflicts told', run: crud },
  { name: 'applies: takes over, takes away, and changes nothing twice', run: apply },
  { name: 'what the server refuses has a code and the server’s words', run: refusals },
  { name: 'a list of three pages is whole', run: pages },
  { name: 'a watch tells what is there and what changes, for its selection', run: watching },
  { name: 'a kind that comes later and goes again', run: lateKind },
];

export const SUITE: ClusterSuite = { cases: CASES };
