// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { KubeArmorError, noLogger } from '#base';
import { dialGrpc, Feed, logService, serveGrpc } from '#grpc';
import type { FeedKind, GrpcServer } from '#grpc';
import type { KubeObject, WatchChange } from '#k8s';
import { AlertSchema, LogSchema } from '#wire';
import type { Alert } from '#wire';
import type { AgentPlace, AgentSource } from './agent-source.ts';
import { Continuity } from './continuity.ts';
import { FanIn } from './fan-in.ts';
import { PodAgents } from './pod-agents.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'relay-test-'));
after(() => rmSync(folder, { recursive: true }));

const alert = (HostName: string, over: Partial<Alert> = {}): Alert => ({
  ...create(AlertSchema, { HostName, Type: 'MatchedPolicy', Count: 1 }),
  ...over,
});
const placeOf = (name: string): AgentPlace => ({ key: name, node: name, address: `unix://${folder}/${name}` });

function serve(name: string, feed: Feed): Promise<GrpcServer> {
  return serveGrpc({ services: [logService(feed)], listen: { kind: 'unix', path: path.join(folder, name) }, logger: noLogger });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !holds(); await sleep(5)) assert.ok(Date.now() < deadline, `waited for: ${what}`);
}

/** Gives sets of places when told to. */
class Places implements AgentSource {
  #next = Promise.withResolvers<readonly AgentPlace[]>();

  tell(...names: readonly string[]): void {
    this.#next.resolve(names.map(placeOf));
  }

  async *watch(signal: AbortSignal): AsyncGenerator<readonly AgentPlace[]> {
    const stopped = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
    for (;;) {
      const places = await Promise.race([this.#next.promise, stopped]);
      if (places === undefined) return;
      this.#next = Promise.withResolvers();
      yield places;
    }
  }
}

interface Relayed extends AsyncDisposable {
  readonly feed: Feed;
  readonly places: Places;
  readonly fanIn: FanIn;
  readonly got: Alert[];
}

/** A relay with one reader. */
function relayed(): Relayed {
  const feed = new Feed({ runId: 'relay' });
  const places = new Places();
  const fanIn = new FanIn({ feed, dial: (address) => dialGrpc({ address }), logger: noLogger, retryMs: { min: 5, max: 20 } });
  const stop = new AbortController();
  const running = fanIn.run(places, stop.signal);
  const got: Alert[] = [];
  const read = (async () => {
    for await (const message of feed.watchAlerts(stop.signal)) got.push(decoded(message));
  })().catch(() => {});
  return {
    feed,
    places,
    fanIn,
    got,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([running, read]);
    },
  };
}

/** What the feed gives is to be sent; here it is read. */
function decoded(message: Alert): Alert {
  const [{ data }] = (message as unknown as { $unknown: [{ data: Uint8Array }] }).$unknown;
  const { LostKernel, LostQueue } = message;
  // the tag of Timestamp, the first field that these alerts have none of, is not there: the first field's tag was cut off by the feed
  return { ...message, Message: Buffer.from(data).toString('latin1'), LostKernel, LostQueue };
}
const tellsOf = (got: readonly Alert[], text: string): boolean => got.some(({ Message }) => Message.includes(text));
const reads = (feed: Feed, ...kinds: readonly FeedKind[]): boolean => kinds.every((kind) => feed.stats(kind).subscribers === 1);

test('what every agent tells comes out of one stream, under the names that the agents gave it', async () => {
  await using relay = relayed();
  const feeds = { a: new Feed({ runId: 'ra' }), b: new Feed({ runId: 'rb' }) };
  const servers = [await serve('a', feeds.a), await serve('b', feeds.b)];
  relay.places.tell('a', 'b');
  await until('both are read', () => Object.values(feeds).every((feed) => reads(feed, 'alerts', 'logs', 'messages')));
  assert.deepEqual(relay.fanIn.stats(), { agents: 2, connected: 2 });
  feeds.a.publishAlert(alert('node-a'));
  feeds.b.publishAlert(alert('node-b', { Count: 3 }));
  await until('both alerts', () => relay.got.length === 2);
  assert.ok(tellsOf(relay.got, 'node-a') && tellsOf(relay.got, 'ra-a1') && tellsOf(relay.got, 'node-b') && tellsOf(relay.got, 'rb-a1'));
  assert.equal(relay.feed.stats('alerts').published, 4n);
  feeds.a.publishLog({ ...create(LogSchema, { HostName: 'node-a', Count: 1 }) });
  await until('a log', () => relay.feed.stats('logs').published === 1n);
  relay.places.tell('b');
  await until('the other is left', () => feeds.a.stats('alerts').subscribers === 0 && relay.fanIn.stats().agents === 1);
  await Promise.all(servers.map((server) => server.stop(100)));
});

test('what an agent tells while nobody is connected to it is counted as lost', async () => {
  await using relay = relayed();
  const feed = new Feed({ runId: 'rc' });
  let server = await serve('c', feed);
  relay.places.tell('c');
  await until('it is read', () => reads(feed, 'alerts', 'logs'));
  feed.publishAlert(alert('before'));
  await until('the first', () => relay.got.length === 1);
  await server.stop(10);
  await until('it is noticed', () => relay.fanIn.stats().connected === 0);
  feed.publishAlert(alert('meanwhile'));
  feed.publishAlert(alert('meanwhile'));
  server = await serve('c', feed);
  await until('it is read again', () => reads(feed, 'alerts', 'logs'));
  feed.publishAlert(alert('after'));
  await until('the last', () => relay.got.length === 2);
  assert.ok(!tellsOf(relay.got, 'meanwhile'));
  assert.equal(relay.got[1]?.LostQueue, 2n);
  await server.stop(10);
});

test('continuity: a new run of an agent is no gap, and what the agent says of losses is passed on', () => {
  const record = (EventID: string, Sequence: bigint, LostKernel = 0n, LostQueue = 0n) => ({ EventID, Sequence, LostKernel, LostQueue });
  const one = new Continuity();
  one.reconnected();
  assert.deepEqual(one.next(record('x-a7', 7n)), { kernel: 0n, queue: 0n });
  assert.deepEqual(one.next(record('x-a9', 9n, 4n, 1n)), { kernel: 4n, queue: 1n });
  one.reconnected();
  assert.deepEqual(one.next(record('y-a5', 5n)), { kernel: 0n, queue: 0n });
  one.reconnected();
  assert.deepEqual(one.next(record('y-a9', 9n)), { kernel: 0n, queue: 3n });
});

test('an address where no agent is, or something else, is tried again and ends nothing', async () => {
  await using relay = relayed();
  relay.places.tell('nobody', 'd');
  await until('both are tried', () => relay.fanIn.stats().agents === 2);
  const feed = new Feed({ runId: 'rd' });
  const server = await serve('d', feed);
  await until('the late one is read', () => reads(feed, 'alerts'));
  assert.deepEqual(relay.fanIn.stats(), { agents: 2, connected: 1 });
  await server.stop(10);
});

const pod = (name: string, status: object, uid = `uid-${name}`): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, uid },
  spec: { nodeName: `node-of-${name}` },
  status,
});

test('agents are the pods of one namespace that have an address and have not ended', async () => {
  const asked: unknown[] = [];
  const changes: WatchChange[] = [
    { kind: 'synced', objects: [pod('a', { podIP: '10.0.0.1', phase: 'Running' }), pod('b', {}), pod('c', { podIP: 7 })] },
    { kind: 'modified', object: pod('b', { podIP: 'fd00::2', phase: 'Pending' }) },
    { kind: 'lost', cause: new KubeArmorError('API_UNREACHABLE', 'away') },
    { kind: 'modified', object: pod('a', { podIP: '10.0.0.1', phase: 'Failed' }) },
    { kind: 'deleted', object: pod('b', {}) },
  ];
  const api = {
    async *watch(...words: readonly unknown[]): AsyncGenerator<WatchChange> {
      asked.push(words.slice(0, 2));
      yield* changes;
    },
  };
  const source = new PodAgents({ api, namespace: 'kubearmor', port: 32_767, logger: noLogger });
  const told: string[][] = [];
  for await (const places of source.watch(AbortSignal.timeout(5_000))) told.push(places.map(({ node, address }) => `${node} ${address}`));
  assert.deepEqual(told, [
    ['node-of-a 10.0.0.1:32767'],
    ['node-of-a 10.0.0.1:32767', 'node-of-b [fd00::2]:32767'],
    ['node-of-b [fd00::2]:32767'],
    [],
  ]);
  assert.match(JSON.stringify(asked), /"namespace":"kubearmor","labelSelector":"kubearmor-app=kubearmor"/);
});
