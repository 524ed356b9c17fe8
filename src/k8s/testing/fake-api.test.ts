// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind, KubeObject, Selection, WatchChange } from '../api.ts';
import { FakeKubeApi } from './fake-api.ts';

const WIDGETS: Kind = { group: 'ex.test', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };
const BY = { fieldManager: 'me' };

function widget(
  name: string,
  fields: { readonly spec?: unknown; readonly status?: unknown; readonly labels?: Record<string, string> } = {},
): KubeObject {
  const { labels, ...rest } = fields;
  return {
    apiVersion: 'ex.test/v1',
    kind: 'Widget',
    metadata: { name, namespace: 'ns', ...(labels === undefined ? {} : { labels }) },
    ...rest,
  };
}

/** What a watch told so far, one word each. */
function follow(
  api: FakeKubeApi,
  selection: Selection = {},
): { readonly told: string[]; readonly stop: AbortController; readonly ended: Promise<void> } {
  const told: string[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const change of api.watch(WIDGETS, selection, stop.signal)) told.push(wordOf(change));
  })();
  return { told, stop, ended };
}

function wordOf(change: WatchChange): string {
  if (change.kind === 'lost') return 'lost';
  if (change.kind === 'synced') return `synced ${change.objects.map(({ metadata }) => metadata.name).join(' ')}`.trimEnd();
  return `${change.kind} ${change.object.metadata.name}`;
}

test('FakeKubeApi: writes get versions, generations and uids as from a server', async () => {
  const api = new FakeKubeApi();
  const made = await api.create(WIDGETS, widget('a', { spec: { size: 1 }, status: { ready: true } }), BY);
  assert.equal(made['status'], undefined, 'status is its own subresource');
  assert.equal(made.metadata.generation, 1);
  const changed = await api.patch(WIDGETS, { name: 'a', namespace: 'ns' }, { spec: { size: 2, colour: null } }, BY);
  assert.deepEqual([changed['spec'], changed.metadata.generation, changed.metadata.uid], [{ size: 2 }, 2, made.metadata.uid]);
  const told = await api.apply(WIDGETS, widget('a', { status: { ready: true } }), { ...BY, subresource: 'status' });
  assert.deepEqual([told['spec'], told['status'], told.metadata.generation], [{ size: 2 }, { ready: true }, 2]);
  const same = await api.apply(WIDGETS, widget('a', { status: { ready: true } }), { ...BY, subresource: 'status' });
  assert.equal(same.metadata.resourceVersion, told.metadata.resourceVersion, 'nothing changed');
  await assert.rejects(api.replace(WIDGETS, made, BY), { code: 'API_CONFLICT' });
  await assert.rejects(api.create(WIDGETS, made, BY), { code: 'API_CONFLICT' });
});

test('FakeKubeApi: apply takes away what the manager no longer applies', async () => {
  const api = new FakeKubeApi();
  await api.apply(WIDGETS, widget('a', { spec: { mine: 1, also: { x: 1, y: 2 } } }), BY);
  await api.apply(WIDGETS, widget('a', { spec: { theirs: 1 } }), { fieldManager: 'other' });
  const now = await api.apply(WIDGETS, widget('a', { spec: { also: { y: 2 } } }), BY);
  assert.deepEqual(now['spec'], { also: { y: 2 }, theirs: 1 });
});

test('FakeKubeApi: finalizers hold an object until they are gone', async () => {
  const api = new FakeKubeApi();
  api.seed(WIDGETS, { ...widget('a'), metadata: { name: 'a', namespace: 'ns', finalizers: ['f'] } });
  const ref = { name: 'a', namespace: 'ns' };
  assert.equal(await api.delete(WIDGETS, ref), true);
  assert.notEqual((await api.get(WIDGETS, ref))?.metadata.deletionTimestamp, undefined);
  await api.patch(WIDGETS, ref, { metadata: { finalizers: null } }, BY);
  assert.equal(await api.get(WIDGETS, ref), undefined);
  assert.equal(await api.delete(WIDGETS, ref), false);
});

test('FakeKubeApi: a watch tells what is there, then what changes, for its selection only', async () => {
  const api = new FakeKubeApi();
  api.seed(WIDGETS, widget('a', { labels: { app: 'web' } }));
  const web = follow(api, { namespace: 'ns', labelSelector: 'app in (web, api), tier!=x' });
  await api.create(WIDGETS, widget('b'), BY);
  await api.patch(WIDGETS, { name: 'b', namespace: 'ns' }, { metadata: { labels: { app: 'web' } } }, BY);
  await api.patch(WIDGETS, { name: 'a', namespace: 'ns' }, { metadata: { labels: { app: 'db' } } }, BY);
  await api.delete(WIDGETS, { name: 'b', namespace: 'ns' });
  await api.drained();
  assert.deepEqual(web.told, ['synced a', 'added b', 'deleted a', 'deleted b']);
  web.stop.abort();
  await web.ended;
  assert.equal(api.watching, 0);
});

test('FakeKubeApi: it goes away and comes back, forgets and hides', async () => {
  const api = new FakeKubeApi();
  const all = follow(api);
  await api.drained();
  api.goAway();
  await assert.rejects(api.get(WIDGETS, { name: 'a', namespace: 'ns' }), { code: 'API_UNREACHABLE' });
  api.seed(WIDGETS, widget('a'));
  api.comeBack();
  api.cutWatches();
  api.expireWatches();
  api.hide(WIDGETS);
  await assert.rejects(api.create(WIDGETS, widget('b'), BY), { code: 'API_CONFLICT' });
  api.show(WIDGETS);
  await api.drained();
  assert.deepEqual(all.told, ['synced', 'lost', 'synced a', 'lost', 'synced a', 'synced a', 'lost', 'synced a']);
  all.stop.abort();
  await all.ended;
});

test('FakeKubeApi: a call is refused once, and every call is remembered', async () => {
  const api = new FakeKubeApi();
  api.refuseNext(({ verb }) => verb === 'create', 'API_REFUSED', 'no');
  await assert.rejects(api.create(WIDGETS, widget('a'), BY), { code: 'API_REFUSED' });
  await api.create(WIDGETS, widget('a'), { ...BY, dryRun: true });
  assert.equal(await api.get(WIDGETS, { name: 'a', namespace: 'ns' }), undefined);
  assert.deepEqual(
    api.calls.map(({ verb, name }) => `${verb} ${name}`),
    ['create a', 'create a', 'get a'],
  );
});
