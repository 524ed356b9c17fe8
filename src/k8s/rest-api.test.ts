// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind, KubeApi, KubeObject, WatchChange } from './api.ts';
import { openKubeApi } from './rest-api.ts';
import type { KubeApiOptions } from './rest-api.ts';
import { answers, hangsUp, saysNothing, ScriptedServer, streams } from './testing/scripted-server.ts';
import type { Step } from './testing/scripted-server.ts';

const PODS: Kind = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const REF = { name: 'a', namespace: 'ns' };
const BY = { fieldManager: 'me' };
const QUICK = { firstMs: 1, maxMs: 2 };

const pod = (name: string, version: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns', resourceVersion: version },
});
const page = (version: string, names: readonly string[], next?: string): unknown => ({
  metadata: { resourceVersion: version, ...(next === undefined ? {} : { continue: next }) },
  items: names.map((name) => ({ metadata: { name, namespace: 'ns', managedFields: [{ manager: 'm' }] } })),
});
const event = (type: string, name: string, version: string): unknown => ({ type, object: pod(name, version) });
const status = (code: number, message = 'why'): unknown => ({ kind: 'Status', code, message });

function open(server: ScriptedServer, options: Partial<KubeApiOptions> = {}): KubeApi & Disposable {
  return openKubeApi({ access: server.access(), userAgent: 'test/1', pauses: QUICK, watchPauses: QUICK, ...options });
}

for (const [code, expected, message] of [
  [400, 'API_INVALID', 'bad'],
  [401, 'API_REFUSED', 'who are you'],
  [403, 'API_REFUSED', 'pods is forbidden'],
  [403, 'API_INVALID', 'admission webhook "v.ex.test" denied the request: no'],
  [404, 'API_CONFLICT', 'namespaces "ns" not found'],
  [409, 'API_CONFLICT', 'exists'],
  [422, 'API_INVALID', 'spec.size: too big'],
  [429, 'API_UNREACHABLE', 'too many'],
  [503, 'API_UNREACHABLE', 'later'],
] as const) {
  test(`KubeApi: a create that gets ${code} (${message}) throws ${expected}`, async () => {
    await using server = await ScriptedServer.open(...Array.from({ length: 5 }, () => answers(code, status(code, message))));
    using api = open(server);
    await assert.rejects(api.create(PODS, pod('a', ''), BY), { code: expected, message: `creating pods "ns/a": ${message}` });
  });
}

test('KubeApi: requests are as the API server wants them', async () => {
  await using server = await ScriptedServer.open(...Array.from({ length: 6 }, () => answers(200, pod('a', '1'))));
  using api = open(server, { access: server.access(() => ({ token: 'secret' })) });
  const object = { ...pod('a', '1'), metadata: { ...pod('a', '1').metadata, managedFields: [] } };
  await api.get(PODS, REF);
  await api.create(PODS, object, BY);
  await api.apply(PODS, object, { ...BY, subresource: 'status', dryRun: true });
  await api.patch(PODS, REF, { spec: null }, BY);
  await api.replace(PODS, object, BY);
  assert.equal(await api.delete(PODS, REF, { uid: 'u' }), true);
  assert.deepEqual(
    server.asked.map(({ method, url, headers }) => `${method} ${url.pathname}${url.search} ${headers['content-type'] ?? ''}`.trim()),
    [
      'GET /api/v1/namespaces/ns/pods/a',
      'POST /api/v1/namespaces/ns/pods?fieldManager=me application/json',
      'PATCH /api/v1/namespaces/ns/pods/a/status?fieldManager=me&dryRun=All&force=true application/apply-patch+yaml',
      'PATCH /api/v1/namespaces/ns/pods/a?fieldManager=me application/merge-patch+json',
      'PUT /api/v1/namespaces/ns/pods/a?fieldManager=me application/json',
      'DELETE /api/v1/namespaces/ns/pods/a application/json',
    ],
  );
  assert.ok(server.asked.every(({ headers }) => headers['authorization'] === 'Bearer secret' && headers['user-agent'] === 'test/1'));
  assert.ok(!server.asked[2]?.body.includes('managedFields'), 'the server refuses an apply with managed fields');
  assert.match(server.asked[5]?.body ?? '', /"preconditions":\{"uid":"u"\}/);
});

test('KubeApi: what is not there is undefined, or false', async () => {
  await using server = await ScriptedServer.open(answers(404, status(404)), answers(404, status(404)));
  using api = open(server);
  assert.equal(await api.get(PODS, REF), undefined);
  assert.equal(await api.delete(PODS, REF), false);
});

const found = answers(200, pod('a', '1'));
for (const [name, script, tries] of [
  ['a cut connection', [hangsUp, hangsUp, found], 3],
  ['503 and 500', [answers(503, ''), answers(500, status(500)), found], 3],
  ['no answer in time', [saysNothing, found], 2],
  ['an answer that is cut', [streams(['{"met'], 'cut'), found], 2],
] as const satisfies readonly (readonly [string, readonly Step[], number])[]) {
  test(`KubeApi: tries again after ${name}`, async () => {
    await using server = await ScriptedServer.open(...script);
    using api = open(server, { timeoutMs: 1_000 });
    assert.equal((await api.get(PODS, REF))?.metadata.name, 'a');
    assert.equal(server.asked.length, tries);
  });
}

test('KubeApi: a create whose answer is lost is not sent twice', async () => {
  await using server = await ScriptedServer.open(hangsUp, found);
  using api = open(server);
  await assert.rejects(api.create(PODS, pod('a', ''), BY), { code: 'API_UNREACHABLE' });
  assert.equal(server.asked.length, 1);
});

test('KubeApi: gives up after its tries, and honours Retry-After', async () => {
  await using server = await ScriptedServer.open(answers(429, '', { 'retry-after': '1' }), answers(429, ''), found);
  using api = open(server, { tries: 2 });
  const startedMs = performance.now();
  await assert.rejects(api.get(PODS, REF), {
    code: 'API_UNREACHABLE',
    message: 'reading pods "ns/a": the API server answered with status 429',
  });
  assert.ok(performance.now() - startedMs >= 990);
  assert.equal(server.asked.length, 2);
});

test('KubeApi: credentials that are refused are read anew, once', async () => {
  await using server = await ScriptedServer.open(answers(401, status(401)), found, answers(401, status(401)), answers(401, status(401)));
  const asked: boolean[] = [];
  const access = server.access((fresh) => {
    asked.push(fresh);
    return { token: fresh ? 'new' : 'old' };
  });
  using api = open(server, { access });
  await api.get(PODS, REF);
  await assert.rejects(api.get(PODS, REF), { code: 'API_REFUSED' });
  assert.deepEqual(asked, [false, true, false, true]);
  assert.equal(server.asked[1]?.headers['authorization'], 'Bearer new');
});

for (const [name, body] of [
  ['a page of something else', '<html>'],
  ['a list', '[]'],
  ['an object without a name', '{"metadata":{}}'],
  ['labels that are no text', '{"metadata":{"name":"a","labels":{"a":1}}}'],
  ['a version that is no text', '{"metadata":{"name":"a","resourceVersion":{}}}'],
] as const) {
  test(`KubeApi: ${name} is a typed error`, async () => {
    await using server = await ScriptedServer.open(answers(200, body));
    using api = open(server, { tries: 1 });
    await assert.rejects(api.get(PODS, REF), { code: 'API_UNREACHABLE' });
  });
}

test('KubeApi: an aborted call throws the reason', async () => {
  await using server = await ScriptedServer.open(saysNothing);
  using api = open(server);
  const stop = new AbortController();
  const call = api.get(PODS, REF, stop.signal);
  const reason = new Error('enough');
  stop.abort(reason);
  await assert.rejects(call, reason);
});

test('KubeApi: lists come in pages, without managed fields unless asked for', async () => {
  await using server = await ScriptedServer.open(
    answers(200, page('7', ['a', 'b'], 'next')),
    answers(410, status(410)),
    answers(200, page('8', ['a', 'b'], 'next')),
    answers(200, page('8', ['c'])),
    answers(200, page('8', ['c'])),
  );
  using api = open(server);
  const listed = await api.list(PODS, { namespace: 'ns', labelSelector: 'a=b', fieldSelector: 'spec.nodeName=n' });
  assert.deepEqual(
    listed.map(({ kind, metadata }) => [kind, metadata.name, metadata.managedFields]),
    [
      ['Pod', 'a', undefined],
      ['Pod', 'b', undefined],
      ['Pod', 'c', undefined],
    ],
  );
  assert.equal(server.asked[3]?.url.search, '?labelSelector=a%3Db&fieldSelector=spec.nodeName%3Dn&limit=500&continue=next');
  assert.deepEqual((await api.list(PODS, { managedFields: true }))[0]?.metadata.managedFields, [{ manager: 'm' }]);
});

/** Follows until so many changes were told. */
async function follow(api: KubeApi, changes: number): Promise<string[]> {
  const stop = new AbortController();
  const told: string[] = [];
  for await (const change of api.watch(PODS, {}, stop.signal)) {
    told.push(wordOf(change));
    if (told.length >= changes) stop.abort();
  }
  return told;
}

function wordOf(change: WatchChange): string {
  if (change.kind === 'lost') return `lost ${change.cause.message}`;
  return change.kind === 'synced' ? `synced ${change.objects.length}` : `${change.kind} ${change.object.metadata.name}`;
}

/** The versions that watches began with. */
const versions = (server: ScriptedServer): (string | null)[] =>
  server.asked.filter(({ url }) => url.searchParams.has('watch')).map(({ url }) => url.searchParams.get('resourceVersion'));

test('watch: goes on from the last version, bookmarks included, after the end and after a cut', async () => {
  await using server = await ScriptedServer.open(
    answers(200, page('10', ['a'])),
    streams([event('ADDED', 'b', '11'), event('BOOKMARK', '', '15')], 'end'),
    streams([event('MODIFIED', 'b', '16'), '{"type":"DEL'], 'cut'),
    streams([event('DELETED', 'b', '17')], 'stay'),
  );
  using api = open(server);
  assert.deepEqual(await follow(api, 4), ['synced 1', 'added b', 'modified b', 'deleted b']);
  assert.deepEqual(versions(server), ['10', '15', '16']);
});

for (const [name, gone] of [
  ['as a status', answers(410, status(410))],
  ['as an event', streams([{ type: 'ERROR', object: status(410) }], 'end')],
] as const) {
  test(`watch: lists again after 410 Gone ${name}, without a word of loss`, async () => {
    await using server = await ScriptedServer.open(
      answers(200, page('10', ['a'])),
      gone,
      answers(200, page('20', ['a', 'b'])),
      streams([event('ADDED', 'c', '21')], 'stay'),
    );
    using api = open(server);
    assert.deepEqual(await follow(api, 3), ['synced 1', 'synced 2', 'added c']);
    assert.deepEqual(versions(server), ['10', '20']);
  });
}

for (const [name, broken] of [
  ['a line that is no JSON', streams(['{"type":\n'], 'stay')],
  ['an unknown event', streams([{ type: 'constructor', object: pod('a', '11') }], 'stay')],
  ['an event without a version', streams([{ type: 'ADDED', object: { metadata: { name: 'a' } } }], 'stay')],
  ['a line without an end', streams(['x'.repeat(17 * 1024 * 1024)], 'stay')],
  ['an error', streams([{ type: 'ERROR', object: status(500) }], 'end')],
  ['no permission any more', answers(403, status(403))],
] as const) {
  test(`watch: ${name}, again and again, is a loss that is told once`, async () => {
    await using server = await ScriptedServer.open(answers(200, page('10', [])), broken, broken, broken, broken);
    server.script.splice(3, 2, answers(503, ''), answers(200, page('12', ['a'])), streams([], 'stay'));
    using api = open(server);
    const [first, lost, ...rest] = await follow(api, 3);
    assert.deepEqual([first, rest], ['synced 0', ['synced 1']]);
    assert.match(lost ?? '', /^lost (watching|listing) pods: /);
  });
}

test('watch: a kind that does not exist yet is waited for', async () => {
  const missing = answers(404, 'the server could not find the requested resource');
  await using server = await ScriptedServer.open(missing, missing, missing, answers(200, page('1', ['a'])), streams([], 'stay'));
  using api = open(server);
  assert.deepEqual(await follow(api, 2), ['lost listing pods: the API server answered with status 404', 'synced 1']);
});

test('watch: a connection that says nothing is given up, and gone on with', async () => {
  await using server = await ScriptedServer.open(
    answers(200, page('10', [])),
    streams([], 'stay'),
    streams([event('ADDED', 'a', '11')], 'stay'),
  );
  using api = open(server, { silentMs: 400 });
  assert.deepEqual(await follow(api, 2), ['synced 0', 'added a']);
  assert.deepEqual(versions(server), ['10', '10']);
});

test('watch: an abort ends it while it waits for the server', async () => {
  await using server = await ScriptedServer.open(answers(200, page('10', [])), streams([], 'stay'));
  using api = open(server);
  const stop = new AbortController();
  const told: string[] = [];
  for await (const change of api.watch(PODS, {}, stop.signal)) {
    told.push(wordOf(change));
    setImmediate(() => stop.abort());
  }
  assert.deepEqual(told, ['synced 0']);
});
