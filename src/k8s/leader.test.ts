// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { KubeArmorError, noLogger } from '#base';
import type { KubeApi } from './api.ts';
import { lead } from './leader.ts';
import type { LeaderOptions } from './leader.ts';
import { LEASES, readLease, renewLease } from './lease.ts';
import { FakeKubeApi } from './testing/fake-api.ts';

const REF = { name: 'l', namespace: 'ns' };

const options = (holder: string, durationS = 1.5): LeaderOptions => ({ ref: REF, holder, durationS, everyMs: 10, fieldManager: holder });

/** Somebody who wants to lead; `leads` and `ends` resolve as the work begins and is told to stop. */
class Candidate {
  readonly stop = new AbortController();
  leads = Promise.withResolvers<void>();
  ends = Promise.withResolvers<void>();
  readonly done: Promise<void>;

  /** Its end is the test's end at the latest. */
  constructor(t: TestContext, api: KubeApi, holder: string, durationS?: number) {
    t.after(() => this.stop.abort());
    const work = async (leading: AbortSignal): Promise<void> => {
      this.ends = Promise.withResolvers();
      this.leads.resolve();
      await new Promise<void>((resolve) => leading.addEventListener('abort', () => resolve(), { once: true }));
      this.leads = Promise.withResolvers();
      this.ends.resolve();
    };
    this.done = lead(api, options(holder, durationS), work, this.stop.signal);
  }
}

async function holderOf(api: KubeApi): Promise<string | undefined> {
  const lease = await api.get(LEASES, REF);
  return lease === undefined ? undefined : readLease(lease).holder;
}

test('lead: one leads; when it ends, the Lease is given back and the other takes it', async (t) => {
  const api = new FakeKubeApi();
  const first = new Candidate(t, api, 'a');
  await first.leads.promise;
  const second = new Candidate(t, api, 'b');
  assert.equal(await holderOf(api), 'a');
  first.stop.abort();
  await first.ends.promise;
  await second.leads.promise;
  await first.done;
  assert.equal(await holderOf(api), 'b');
  const lease = await api.get(LEASES, REF);
  assert.equal(lease === undefined ? undefined : readLease(lease).transitions, 1);
  second.stop.abort();
  await second.done;
  assert.equal(await holderOf(api), '');
});

test('lead: a server that is away is told of once, and again when it was there', async () => {
  const told: string[] = [];
  const logger = { ...noLogger, warn: (message: string) => void told.push(message) };
  const stop = new AbortController();
  let reads = 0;
  class Away extends FakeKubeApi {
    override get(): Promise<undefined> {
      reads++;
      if (reads === 6) return Promise.resolve(undefined); // there, and somebody was quicker
      if (reads === 12) stop.abort();
      return Promise.reject(new KubeArmorError('API_UNREACHABLE', 'reading leases "ns/l": connection refused'));
    }
    override create(): Promise<never> {
      return Promise.reject(new KubeArmorError('API_CONFLICT', 'somebody was quicker'));
    }
  }
  await lead(new Away(), { ...options('a'), everyMs: 1, logger }, async () => {}, stop.signal);
  assert.deepEqual([reads, told.length], [12, 2]);
});

test('lead: two that come at once: who is not the one is not warned of it', async (t) => {
  const api = new FakeKubeApi();
  const told: string[] = [];
  const logger = { ...noLogger, warn: (message: string) => void told.push(message) };
  const found = api.get.bind(api);
  // both see that there is none
  api.get = async (kind, ref, signal) => (tries++ < 2 ? undefined : found(kind, ref, signal));
  let tries = 0;
  const stop = new AbortController();
  t.after(() => stop.abort());
  const { promise: leads, resolve } = Promise.withResolvers<void>();
  const work = async (leading: AbortSignal): Promise<void> => {
    resolve();
    await new Promise<void>((ended) => leading.addEventListener('abort', () => ended(), { once: true }));
  };
  const all = ['a', 'b'].map((holder) => lead(api, { ...options(holder), logger }, work, stop.signal));
  await leads;
  while (tries < 4) await new Promise(setImmediate);
  assert.deepEqual(told, []);
  stop.abort();
  await Promise.all(all);
});

test('lead: a leader that cannot renew stops before the Lease has run out, and leads again later', async (t) => {
  const api = new FakeKubeApi();
  const only = new Candidate(t, api, 'a');
  await only.leads.promise;
  const lostMs = performance.now();
  api.goAway();
  await only.ends.promise;
  assert.ok(performance.now() - lostMs < 1500, 'stopped within the duration');
  api.comeBack();
  await only.leads.promise;
  only.stop.abort();
  await only.done;
});

test('lead: a Lease that another took is lost at once; one that nobody renews runs out by our clock', async (t) => {
  const api = new FakeKubeApi();
  const only = new Candidate(t, api, 'a', 3_600);
  await only.leads.promise;
  const spec = { holderIdentity: 'thief', leaseDurationSeconds: 0.05, renewTime: '2999-01-01T00:00:00.000000Z' };
  await api.patch(LEASES, REF, { spec }, { fieldManager: 'thief' });
  await only.ends.promise;
  await only.leads.promise;
  assert.equal(await holderOf(api), 'a');
  only.stop.abort();
  await only.done;
});

test('lead: a label that somebody puts on the Lease is no loss', async (t) => {
  const api = new FakeKubeApi();
  const only = new Candidate(t, api, 'a');
  await only.leads.promise;
  await api.patch(LEASES, REF, { metadata: { labels: { a: 'b' } } }, { fieldManager: 'x' });
  const renewals = (): number => api.calls.filter(({ verb }) => verb === 'replace').length;
  const before = renewals();
  while (renewals() < before + 3) await new Promise((resolve) => setImmediate(resolve));
  only.stop.abort();
  await only.done;
  assert.equal((await api.get(LEASES, REF))?.metadata.labels?.['a'], 'b');
  assert.equal(await holderOf(api), '');
});

test('lead: an error of the work gives the Lease back and is thrown; work that ends by itself ends all', async () => {
  const api = new FakeKubeApi();
  const { signal } = new AbortController();
  await assert.rejects(
    lead(api, options('a'), () => Promise.reject(new TypeError('bug')), signal),
    /bug/,
  );
  assert.equal(await holderOf(api), '');
  await lead(api, options('b'), () => Promise.resolve(), signal);
  assert.equal(await holderOf(api), '');
});

test('renewLease: makes the Lease and renews it in one write each', async () => {
  const api = new FakeKubeApi();
  await renewLease(api, { ref: REF, holder: 'n1', durationS: 40, fieldManager: 'agent' });
  const first = await api.get(LEASES, REF);
  assert.match(String(first === undefined ? '' : readLease(first).renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  await renewLease(api, { ref: REF, holder: 'n1', durationS: 40, fieldManager: 'agent' });
  assert.deepEqual(
    api.calls.map(({ verb }) => verb),
    ['apply', 'get', 'apply'],
  );
});
