// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAuthority, makeLeaf } from './certificate.ts';
import { nextStep, problemOf, SERVING, splitBundle, takeStep } from './serving.ts';
import type { ServingCertificates } from './serving.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.parse('2026-11-22T00:00:00Z');
const HOSTS = ['kubearmor-controller-webhook-service.kubearmor.svc'];
const NONE: ServingCertificates = { authorities: [] };

function step(before: ServingCertificates, nowMs: number, toldForMs?: number, hosts = HOSTS): { did: string; after: ServingCertificates } {
  const did = nextStep(before, { nowMs, hosts, toldForMs });
  return { did: did.step, after: takeStep(before, did, { nowMs, hosts }) };
}

const first = step(NONE, START_MS).after;

test('nothing there: one is made, and it is good', () => {
  assert.equal(step(NONE, START_MS).did, 'replace');
  assert.equal(first.authorities.length, 1);
  assert.equal(problemOf(first.current!, first.authorities, { nowMs: START_MS, hosts: HOSTS }), undefined);
  assert.equal(step(first, START_MS).did, 'keep');
});

test('rotation: staged with a third of the life left, promoted when clients were told, the old authority stays until it expires', () => {
  const life = SERVING.lifeMs + SERVING.backdateMs;
  const old = START_MS - SERVING.backdateMs + (life * 2) / 3;
  assert.equal(step(first, old - 1_000).did, 'keep');
  const staged = step(first, old);
  assert.equal(staged.did, 'stage');
  assert.deepEqual(staged.after.current, first.current);
  assert.equal(staged.after.authorities.length, 2);
  assert.equal(step(staged.after, old, undefined).did, 'keep');
  assert.equal(step(staged.after, old, SERVING.spreadMs - 1).did, 'keep');
  const promoted = step(staged.after, old, SERVING.spreadMs);
  assert.equal(promoted.did, 'promote');
  assert.deepEqual(promoted.after, { authorities: staged.after.authorities, current: staged.after.next });
  assert.equal(step(promoted.after, START_MS + SERVING.lifeMs - 1_000).did, 'keep');
  const pruned = step(promoted.after, START_MS + SERVING.lifeMs);
  assert.equal(pruned.did, 'prune');
  assert.equal(pruned.after.authorities.length, 1);
  assert.equal(step(pruned.after, START_MS + SERVING.lifeMs).did, 'keep');
});

test('what cannot be used is replaced at once, and good authorities stay', () => {
  const others = makeAuthority('other', { notBefore: new Date(START_MS), notAfter: new Date(START_MS + DAY_MS) });
  const { key: _key, ...pair } = first.current!;
  const foreignKey = others.key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const cases: readonly [string, ServingCertificates, number, string[]][] = [
    ['expired', first, START_MS + SERVING.lifeMs, HOSTS],
    ['the clock was ahead', first, START_MS - SERVING.backdateMs - 1_000, HOSTS],
    ['another name', first, START_MS, ['other.svc']],
    ['no certificate', { ...first, current: { certificate: 'x', key: 'y' } }, START_MS, HOSTS],
    ['no key', { ...first, current: { ...pair, key: '' } }, START_MS, HOSTS],
    ['another key', { ...first, current: { ...pair, key: foreignKey } }, START_MS, HOSTS],
    ['an unknown authority', { ...first, authorities: [others.certificate] }, START_MS, HOSTS],
    ['broken authorities', { ...first, authorities: ['-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'] }, START_MS, HOSTS],
  ];
  for (const [what, before, nowMs, hosts] of cases) {
    const { did, after } = step(before, nowMs, undefined, hosts);
    assert.equal(did, 'replace', what);
    assert.equal(step(after, nowMs, undefined, hosts).did, 'keep', what);
  }
  assert.equal(step({ ...first, current: { ...pair, key: '' } }, START_MS).after.authorities.length, 2);
});

test('the leaf of somebody else’s making is kept while it is good', () => {
  const validity = { notBefore: new Date(START_MS), notAfter: new Date(START_MS + 900 * DAY_MS) };
  const authority = makeAuthority('theirs', validity);
  const leaf = makeLeaf({ usage: 'server', name: 'theirs', hosts: HOSTS, ...validity }, authority.issuer);
  const pair = { certificate: leaf.certificate, key: leaf.key.export({ type: 'sec1', format: 'pem' }).toString() };
  const theirs = { authorities: [authority.certificate], current: pair };
  assert.equal(step(theirs, START_MS + 599 * DAY_MS).did, 'keep');
  assert.equal(step(theirs, START_MS + 601 * DAY_MS).did, 'stage');
});

test('a bundle is split into its certificates', () => {
  const two = first.authorities[0]! + '# a word\r\n' + first.authorities[0]!.replaceAll('\n', '\r\n');
  assert.deepEqual(splitBundle(two), [first.authorities[0], first.authorities[0]]);
  assert.deepEqual(splitBundle('no certificate'), []);
});

/** Two replicas and one client that hear of changes late, and a clock that may jump: what the client trusts is always shown. */
class World {
  held: ServingCertificates = NONE;
  #told: readonly string[] = [];
  #toldAtMs: number | undefined;
  readonly #replicas: (ServingCertificates['current'] | undefined)[] = [undefined, undefined];

  /** @param steadyMs a clock that does not jump */
  tick(steadyMs: number, nowMs: number, late: number): void {
    const toldForMs = this.#told === this.held.authorities && this.#toldAtMs !== undefined ? steadyMs - this.#toldAtMs : undefined;
    const did = nextStep(this.held, { nowMs, hosts: HOSTS, toldForMs });
    this.held = takeStep(this.held, did, { nowMs, hosts: HOSTS });
    if (this.#told !== this.held.authorities) [this.#told, this.#toldAtMs] = [this.held.authorities, steadyMs];
    for (const index of this.#replicas.keys()) if (index !== late) this.#replicas[index] = this.held.current;
  }

  /** What the client says of each replica. */
  problems(nowMs: number): (string | undefined)[] {
    return this.#replicas.map((pair) => (pair === undefined ? 'shows nothing' : problemOf(pair, this.#told, { nowMs, hosts: HOSTS })));
  }
}

test('over three years, with a replica that is 20 days late each time, no handshake fails', () => {
  const world = new World();
  let steps = 0;
  for (let day = 0; day < 3 * 365; day += 3) {
    const nowMs = START_MS + day * DAY_MS;
    const before = world.held;
    world.tick(nowMs, nowMs, day % 21 === 0 ? -1 : Math.floor(day / 21) % 2);
    if (day >= 21) assert.deepEqual(world.problems(nowMs), [undefined, undefined], `day ${day}`);
    if (world.held !== before) steps++;
  }
  assert.ok(steps >= 36 && steps <= 80, `${steps} changes`);
});

test('a clock that jumps is followed, there and back, and what is shown is good by it', () => {
  const world = new World();
  const clocks = [0, 1, 1_000, 1_000.5, 2, 3, -500, -499, 4, 60, 64, 65];
  for (const [index, day] of clocks.entries()) {
    const nowMs = START_MS + day * DAY_MS;
    world.tick(index * DAY_MS, nowMs, -1);
    assert.deepEqual(world.problems(nowMs), [undefined, undefined], `day ${day}`);
    assert.ok(world.held.authorities.length <= SERVING.authoritiesMax);
  }
});
