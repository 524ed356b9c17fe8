// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { noLogger } from '#base';
import {
  CORE,
  fieldsOf,
  FRESH_MS,
  NAMES,
  NODE_REPORTS,
  nodeLeaseName,
  POLICY_KINDS,
  WEBHOOK_CONFIGURATIONS,
  webhookConfiguration,
} from '#cluster';
import { webhookSecret } from '#install';
import type { KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { SERVING } from '#pki';
import { nested } from '#policy/testing';
import { Controller } from './controller.ts';
import { localReviews } from './testing/local-reviews.ts';

const NAMESPACE = 'kubearmor';
const KSP = POLICY_KINDS.KubeArmorPolicy;

/** An API server with a policy and nodes, and clocks that jump. */
class World implements AsyncDisposable {
  readonly api = new FakeKubeApi();
  aheadMs = 0;
  #renewals = 0;
  readonly #policies = new Map<string, KubeObject>();
  readonly #controllers: { readonly controller: Controller; readonly stop: AbortController; readonly done: Promise<void> }[] = [];

  constructor() {
    this.api.seed(WEBHOOK_CONFIGURATIONS, webhookConfiguration(NAMESPACE));
    this.api.seed(CORE.secrets, webhookSecret(NAMESPACE));
  }

  start(holder = 'a'): Controller {
    const stop = new AbortController();
    const parts = {
      api: this.api,
      startThread: localReviews,
      logger: noLogger,
      steadyMs: () => performance.now() + this.aheadMs,
      wallMs: () => Date.now() + this.aheadMs,
      onCertificates: () => {},
    };
    const controller = new Controller({ namespace: NAMESPACE, holder, countedNodes: 'reached', hosts: ['webhooks.example'] }, parts);
    this.#controllers.push({ controller, stop, done: controller.run(stop.signal) });
    return controller;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async stop(controller?: Controller): Promise<void> {
    for (const one of this.#controllers.filter((each) => controller === undefined || each.controller === controller)) {
      one.stop.abort();
      await one.done;
      one.controller[Symbol.dispose]();
    }
  }

  policy(name: string, spec: object, more: object = {}): void {
    const before = this.written(name);
    const generation = (before?.metadata.generation ?? 0) + 1;
    const metadata = { name, namespace: 'shop', uid: `uid-${name}`, generation, ...more };
    const status = before?.['status'];
    this.api.seed(KSP, {
      apiVersion: 'security.kubearmor.com/v1',
      kind: KSP.kind,
      metadata,
      spec,
      ...(status === undefined ? {} : { status }),
    });
  }

  node(name: string): void {
    const metadata = { name, creationTimestamp: new Date().toISOString() };
    this.api.seed(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata });
  }

  report(name: string, policies: object, state = 'enforcing'): void {
    this.api.seed(NODE_REPORTS, {
      apiVersion: 'security.kubearmor.com/v1',
      kind: 'KubeArmorNode',
      metadata: { name },
      status: { state, policies },
    });
  }

  renew(name: string): void {
    const renewTime = new Date(Date.now() + this.aheadMs + ++this.#renewals).toISOString();
    const metadata = { name: nodeLeaseName(name), namespace: NAMESPACE };
    this.api.seed(CORE.leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { renewTime } });
  }

  /** As `refresh` found it last. */
  written(name: string): KubeObject | undefined {
    return this.#policies.get(name);
  }

  async refresh(name: string): Promise<void> {
    const found = await this.api.get(KSP, { name, namespace: 'shop' });
    if (found !== undefined) this.#policies.set(name, found);
  }

  /** `True Enforced`, as the API server has it. */
  async enforced(name: string): Promise<string> {
    await this.refresh(name);
    const { conditions } = fieldsOf(this.written(name)?.['status']);
    const found = (Array.isArray(conditions) ? conditions : []).map(fieldsOf).find(({ type }) => type === 'Enforced');
    return `${String(found?.['status'])} ${String(found?.['reason'])}`;
  }

  get statusWrites(): number {
    return this.api.calls.filter(({ subresource }) => subresource === 'status').length;
  }
}

/** Waits until it holds. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await pause(5)) if (await holds()) return;
  assert.fail(`not in time: ${what}`);
}
const becomes = (world: World, name: string, wanted: string): Promise<void> =>
  until(`${name} ${wanted}`, async () => (await world.enforced(name)) === wanted);

const BLOCK = { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/etc/shadow' }] }, action: 'Block' };

/** A controller that has said that the policy `p` is enforced on the node `n1`. */
async function enforcedIn(world: World): Promise<Controller> {
  world.policy('p', BLOCK);
  world.node('n1');
  world.renew('n1');
  world.report('n1', { 'ksp/shop/p': { generation: 1, workloads: 1 } });
  const controller = world.start();
  await becomes(world, 'p', 'True Enforced');
  return controller;
}

test('a policy’s status follows what nodes say, and how lately', async () => {
  await using world = new World();
  world.policy('p', BLOCK);
  world.node('n1');
  const controller = world.start();
  await becomes(world, 'p', 'Unknown NoNodes');
  world.report('n1', {});
  world.renew('n1');
  await becomes(world, 'p', 'False Pending');
  world.report('n1', { 'ksp/shop/p': { generation: 1, workloads: 2 } });
  await becomes(world, 'p', 'True Enforced');
  world.report('n1', {
    'ksp/shop/p': { generation: 1, workloads: 2, state: 'Failed', reasons: [{ code: 'CanaryFailed', message: 'it passed' }] },
  });
  await becomes(world, 'p', 'False Failed');
  world.report('n1', { 'ksp/shop/p': { generation: 1, workloads: 2 } });
  await becomes(world, 'p', 'True Enforced');
  world.node('n2');
  world.report('n2', { 'ksp/shop/p': { generation: 1 } });
  world.aheadMs += FRESH_MS;
  world.renew('n2');
  await becomes(world, 'p', 'Unknown NodeSilent');
  world.renew('n1');
  await becomes(world, 'p', 'True Enforced');
  world.api.remove(NODE_REPORTS, { name: 'n2' });
  world.aheadMs += 120_000;
  world.renew('n1');
  await becomes(world, 'p', 'Unknown NodeWithoutAgent');
  world.api.remove(CORE.nodes, { name: 'n2' });
  await becomes(world, 'p', 'True Enforced');
  assert.deepEqual(
    controller.state.nodeCounts(performance.now() + world.aheadMs),
    new Map([
      ['fresh', 1],
      ['silent', 0],
      ['none', 0],
    ]),
  );
});

test('in steady state nothing is written, and nothing is ever listed', async () => {
  await using world = new World();
  for (let index = 0; index < 20; index++) world.policy(`p${index}`, BLOCK);
  world.node('n1');
  const all = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`ksp/shop/p${index}`, { generation: 1, workloads: 1 }]));
  world.report('n1', all);
  world.renew('n1');
  world.start();
  for (let index = 0; index < 20; index++) await becomes(world, `p${index}`, 'True Enforced');
  const before = world.statusWrites;
  for (let index = 0; index < 10; index++) {
    world.renew('n1');
    world.report('n1', all);
    await world.api.drained();
  }
  world.policy('p0', { ...BLOCK, severity: 1 });
  await becomes(world, 'p0', 'False Pending');
  assert.equal(world.statusWrites - before, 1);
  assert.equal(world.api.calls.filter(({ verb }) => verb === 'list').length, 0);
});

test('numbers alone are written once in a while', async () => {
  await using world = new World();
  await enforcedIn(world);
  const before = world.statusWrites;
  for (let workloads = 2; workloads < 30; workloads++) {
    world.report('n1', { 'ksp/shop/p': { generation: 1, workloads } });
    await world.api.drained();
  }
  assert.equal(world.statusWrites, before);
  world.aheadMs += 10_000;
  world.report('n1', { 'ksp/shop/p': { generation: 1, workloads: 30 } });
  await until('the number', () => world.statusWrites === before + 1);
});

test('a document that cannot be honoured: not accepted, and the last good one is spoken of', async () => {
  await using world = new World();
  await enforcedIn(world);
  world.policy('p', { ...BLOCK, action: 'Blok' });
  await becomes(world, 'p', 'True LastGoodEnforced');
  const status = fieldsOf(world.written('p')?.['status']);
  assert.equal(status['status'], 'Invalid');
  assert.match(JSON.stringify(status['conditions']), /spec.action: unknown value `Blok` \(did you mean `Block`\?\)/);
});

test('while the API server is away nothing is concluded; afterwards everything converges', async () => {
  await using world = new World();
  const controller = await enforcedIn(world);
  world.api.goAway();
  await until('lost', () => !controller.isSettled);
  world.aheadMs += 300_000;
  world.renew('n1');
  world.api.comeBack();
  await until('settled', () => controller.isSettled);
  assert.equal(await world.enforced('p'), 'True Enforced');
  world.api.cutWatches();
  await until('settled again', () => controller.isSettled);
  world.report('n1', { 'ksp/shop/p': { generation: 1, workloads: 1, state: 'Pending' } });
  await becomes(world, 'p', 'False Pending');
});

test('of two replicas one writes; when it ends the other goes on', async () => {
  await using world = new World();
  world.policy('p', BLOCK);
  const [first, second] = [world.start('a'), world.start('b')];
  await becomes(world, 'p', 'Unknown NoNodes');
  assert.equal([first, second].filter(({ isLeading }) => isLeading).length, 1);
  const leader = first.isLeading ? first : second;
  const other = first.isLeading ? second : first;
  await world.stop(leader);
  await until('the other leads', () => other.isLeading);
  world.node('n1');
  world.renew('n1');
  world.report('n1', { 'ksp/shop/p': { generation: 1, workloads: 1 } });
  await becomes(world, 'p', 'True Enforced');
});

test('certificates are made, told to the API server, rotated with both authorities in the bundle, and made again when the Secret is emptied or was deleted', async () => {
  await using world = new World();
  const [first, second] = [world.start('a'), world.start('b')];
  const secret = { name: NAMES.webhookSecret, namespace: NAMESPACE };
  const bundle = async (): Promise<string> => {
    const found = await world.api.get(WEBHOOK_CONFIGURATIONS, { name: NAMES.validatingWebhook });
    const webhooks = found?.['webhooks'] as readonly { readonly clientConfig: { readonly caBundle?: string; readonly service: object } }[];
    const bundles = new Set(webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ''));
    assert.ok(webhooks.length === 3 && webhooks.every(({ clientConfig }) => 'service' in clientConfig));
    return bundles.size === 1 ? Buffer.from([...bundles][0] ?? '', 'base64').toString() : 'they differ';
  };
  const isTold = async (): Promise<boolean> => {
    const { authorities, current } = second.certificates.held;
    return current !== undefined && (await bundle()) === authorities.join('');
  };
  await until('the first', isTold);
  const held = first.certificates.held;
  assert.deepEqual(held, second.certificates.held, 'both replicas have it');
  assert.equal(held.authorities.length, 1);

  world.aheadMs += (SERVING.lifeMs * 2) / 3;
  const nudge = (): void => void world.api.seed(WEBHOOK_CONFIGURATIONS, webhookConfiguration(NAMESPACE));
  nudge(); // as if somebody had applied it anew, without our bundle
  await until('the next is staged and told', async () => second.certificates.held.next !== undefined && (await isTold()));
  assert.deepEqual(second.certificates.held.current, held.current);
  assert.equal(second.certificates.held.authorities.length, 2);
  const { next } = second.certificates.held;
  await until('the next is shown', async () => {
    world.aheadMs += SERVING.spreadMs;
    const found = (await world.api.get(CORE.secrets, secret))!;
    world.api.seed(CORE.secrets, { ...found, metadata: { ...found.metadata, annotations: { at: String(world.aheadMs) } } });
    await world.api.drained();
    return second.certificates.held.next === undefined;
  });
  assert.deepEqual(second.certificates.held.current, next);
  assert.equal(second.certificates.held.authorities.length, 2);

  world.api.seed(CORE.secrets, webhookSecret(NAMESPACE));
  await until('another', async () => second.certificates.held.current?.certificate !== next?.certificate && (await isTold()));
  const before = second.certificates.held.current;
  world.api.remove(CORE.secrets, secret);
  await until('it is missed', () => second.certificates.held.current === undefined);
  assert.equal(await world.api.get(CORE.secrets, secret), undefined, 'it is not the controller’s to make');
  world.api.seed(CORE.secrets, webhookSecret(NAMESPACE)); // as the operator does
  await until('a new one', async () => second.certificates.held.current?.certificate !== before?.certificate && (await isTold()));
  assert.equal(JSON.stringify(world.api.calls).includes('PRIVATE KEY'), false, 'no key is sent anywhere but in the Secret, encoded');
});

test('a policy that another field manager writes is told with an Event, once', async () => {
  await using world = new World();
  const by = (manager: string, time: string, status = '2026-01-03T00:00:00Z'): object => ({
    managedFields: [
      { manager, operation: 'Apply', time },
      { manager: 'kubearmor-controller', operation: 'Update', subresource: 'status', time: status },
    ],
  });
  world.policy('p', BLOCK, by('argocd', '2026-01-01T00:00:00Z'));
  const controller = world.start();
  await becomes(world, 'p', 'Unknown NoNodes');
  world.policy('p', { ...BLOCK, severity: 2 }, by('argocd', '2026-01-02T00:00:00Z'));
  await world.refresh('p');
  world.policy('p', { ...BLOCK, severity: 3 }, by('kubectl-edit', '2026-01-03T00:00:00Z'));
  const events = (): readonly unknown[] => world.api.calls.flatMap(({ plural, body }) => (plural === 'events' ? [body] : []));
  await until('the Event', () => events().length > 0);
  const [event] = events().map(fieldsOf);
  assert.equal(event?.['message'], 'generation 3 was written by the field manager kubectl-edit; before: argocd');
  assert.equal(event?.['type'], 'Warning');
  assert.equal(events().length, 1);
  assert.equal(controller.metrics.get('kubearmor_controller_policy_manager_changes_total'), 1);
});

test('a policy that nests too deep is refused in its status, and the controller goes on', async () => {
  await using world = new World();
  const controller = world.start();
  world.policy('deep', { x: nested(100) });
  await becomes(world, 'deep', 'Unknown NoNodes');
  assert.match(JSON.stringify(world.written('deep')), /more than 64 levels/);
  world.policy('p', BLOCK);
  await becomes(world, 'p', 'Unknown NoNodes');
  assert.equal(controller.metrics.get('kubearmor_controller_object_failures_total', { kind: 'KubeArmorPolicy' }), 0);
});
