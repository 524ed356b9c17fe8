// SPDX-License-Identifier: Apache-2.0
// The controller with a real API server: what it may do is what its roles say, and nothing more.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORE, NAMES, NODE_REPORTS, nodeLeaseName, POLICY_KINDS, WEBHOOK_CONFIGURATIONS, webhookHosts, fieldsOf } from '#cluster';
import { webhookSecret } from '#install';
import { renewLease } from '#k8s';
import type { KubeApi, KubeObject } from '#k8s';
import { takeStep } from '#pki';
import type { ServingCertificates } from '#pki';
import type { PolicyKind } from '#policy';
import { nested } from '#policy/testing';
import { readCertificates, withCertificates } from '../../src/controller/certificate-secret.ts';
import { until } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import { configureWebhooks, freePort, install, NAMESPACE, Replica } from './controller-install.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };
const SECRET = { name: NAMES.webhookSecret, namespace: NAMESPACE };
const selectorOf = (kind: PolicyKind): object =>
  kind === 'KubeArmorHostPolicy' || kind === 'KubeArmorNetworkPolicy'
    ? { nodeSelector: { matchLabels: { a: 'b' } } }
    : { selector: { matchLabels: { app: 'web' } } };
const rulesOf = (kind: PolicyKind): object =>
  kind === 'KubeArmorNetworkPolicy'
    ? { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] }
    : { file: { matchPaths: [{ path: '/etc/shadow' }] } };

function policy(kind: PolicyKind, name: string, action: string): KubeObject {
  const metadata = POLICY_KINDS[kind].namespaced ? { name, namespace: 'shop' } : { name };
  return { apiVersion: 'security.kubearmor.com/v1', kind, metadata, spec: { ...selectorOf(kind), ...rulesOf(kind), action } };
}
const KINDS = Object.keys(POLICY_KINDS) as PolicyKind[];

async function refused(act: Promise<unknown>, why: RegExp): Promise<void> {
  await assert.rejects(act, (error: Error & { code?: string }) => why.test(error.message));
}
const isServed = async (api: KubeApi): Promise<boolean> => {
  try {
    await api.create(POLICY_KINDS.KubeArmorPolicy, policy('KubeArmorPolicy', 'is-served', 'Blok'), { ...BY, dryRun: true });
    return false;
  } catch (error) {
    return error instanceof Error && error.message.includes('cannot be honoured');
  }
};

interface Replicas {
  readonly first: Replica;
  readonly second: Replica;
  /** Where the API server asks. */
  readonly port: number;
}

/** Runs with two replicas behind the address that the API server asks. */
async function withController(plane: ControlPlane, act: (api: KubeApi, replicas: Replicas) => Promise<void>): Promise<void> {
  using api = plane.api();
  await install(api);
  const port = await freePort();
  await configureWebhooks(api, port);
  await using first = new Replica(plane, 'first', port);
  await until('the webhooks answer', () => isServed(api)); // so this one leads
  await using second = new Replica(plane, 'second', await freePort());
  await act(api, { first, second, port });
}

async function node(api: KubeApi, name: string, policies: object): Promise<void> {
  await api.apply(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name } }, BY);
  const report = { apiVersion: 'security.kubearmor.com/v1', kind: NODE_REPORTS.kind, metadata: { name } };
  await api.apply(NODE_REPORTS, report, BY);
  const facts = { kernel: '6.12', osImage: 'test', architecture: 'amd64', runtime: '', enforcer: 'bpf', lsm: ['bpf'] };
  const status = { agent: { version: '0.0.0', startedAt: '2026-01-01T00:00:00Z' }, node: facts, state: 'enforcing', policies };
  await api.apply(NODE_REPORTS, { ...report, status }, { ...BY, subresource: 'status' });
  const ref = { name: nodeLeaseName(name), namespace: NAMESPACE };
  await renewLease(api, { ref, holder: name, durationS: 60, ...BY });
}

/** `kubectl create` of an object. */
async function kubectlCreate(plane: ControlPlane, object: KubeObject, ...flags: readonly string[]): Promise<string> {
  const file = join(plane.folder, 'object.json');
  writeFileSync(file, JSON.stringify(object));
  return (await plane.kubectl('create', '-f', file, ...flags)).output;
}

const bind = async (plane: ControlPlane, pod: string, to: string): Promise<string> => {
  const target = { apiVersion: 'v1', kind: 'Node', name: to };
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: pod, namespace: 'guarded' }, target };
  const file = join(plane.folder, 'binding.json');
  writeFileSync(file, JSON.stringify(binding));
  return (await plane.kubectl('create', '--raw', `/api/v1/namespaces/guarded/pods/${pod}/binding`, '-f', file)).output;
};
const pod = (name: string, namespace: string, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { containers: [{ name: 'c', image: 'none' }], ...more },
});

const CASES: readonly ClusterCase[] = [
  {
    name: 'every kind: created, changed, deleted; wrong input refused at create and update',
    run: (plane) =>
      withController(plane, async (api) => {
        for (const kind of KINDS) {
          const good = policy(kind, 'every', 'Block');
          await refused(api.create(POLICY_KINDS[kind], policy(kind, 'every', 'Blok'), BY), /cannot be honoured/);
          await api.create(POLICY_KINDS[kind], good, BY);
          const wrong = { spec: { action: 'Blok' } };
          await refused(api.patch(POLICY_KINDS[kind], good.metadata, wrong, BY), /did you mean `Block`/);
          await refused(api.patch(POLICY_KINDS[kind], good.metadata, wrong, { ...BY, dryRun: true }), /did you mean `Block`/);
          await api.patch(POLICY_KINDS[kind], good.metadata, { metadata: { labels: { a: 'b' } } }, BY);
          await until(`a status of ${kind}`, async () => (await api.get(POLICY_KINDS[kind], good.metadata))?.['status'] !== undefined);
          assert.equal(await api.delete(POLICY_KINDS[kind], good.metadata), true);
        }
      }),
  },
  {
    name: 'a policy that nests thousands deep: refused; where it is stored already the controller goes on',
    run: async (plane) => {
      using before = plane.api();
      await install(before);
      await before.delete(WEBHOOK_CONFIGURATIONS, { name: NAMES.validatingWebhook });
      const deep = policy('KubeArmorPolicy', 'deep', 'Block');
      const spec = { ...fieldsOf(deep['spec']), x: nested(5_000) };
      await before.create(POLICY_KINDS.KubeArmorPolicy, { ...deep, spec }, BY);
      await withController(plane, async (api) => {
        const review = api.create(POLICY_KINDS.KubeArmorPolicy, { ...policy('KubeArmorPolicy', 'deeper', 'Block'), spec }, BY);
        await refused(review, /more than 64 levels/);
        await refused(api.create(POLICY_KINDS.KubeArmorPolicy, policy('KubeArmorPolicy', 'wrong', 'Blok'), BY), /did you mean `Block`/);
        const status = async (): Promise<string> =>
          JSON.stringify((await api.get(POLICY_KINDS.KubeArmorPolicy, deep.metadata))?.['status']) ?? '';
        await until('its status', async () => /more than 64 levels/.test(await status()));
        assert.equal(await api.delete(POLICY_KINDS.KubeArmorPolicy, deep.metadata), true);
      });
    },
  },
  {
    name: 'warnings reach kubectl, with a dry run too',
    run: (plane) =>
      withController(plane, async () => {
        for (const flags of [['--dry-run=server'], []]) {
          const output = await kubectlCreate(plane, policy('KubeArmorPolicy', 'warned', 'Allow'), ...flags);
          assert.match(output, /Warning: spec: Allow rules/);
          assert.match(output, /Warning: spec.selector: no pod has these labels now/);
          assert.match(output, /warned created/);
        }
      }),
  },
  {
    name: 'kubectl wait: Enforced when every node says so, and not before',
    run: (plane) =>
      withController(plane, async (api) => {
        const made = await api.create(POLICY_KINDS.KubeArmorPolicy, policy('KubeArmorPolicy', 'waited', 'Block'), BY);
        await node(api, 'node-a', {});
        const early = await plane.kubectl('wait', '--for=condition=Enforced', 'ksp/waited', '-n', 'shop', '--timeout=2s');
        assert.notEqual(early.code, 0, early.output);
        await node(api, 'node-a', { 'ksp/shop/waited': { generation: made.metadata.generation, workloads: 1 } });
        const late = await plane.kubectl('wait', '--for=condition=Enforced', 'ksp/waited', '-n', 'shop', '--timeout=60s');
        assert.equal(late.code, 0, late.output);
      }),
  },
  {
    name: 'pods of a namespace that requires enforcement start on nodes that enforce, and on no others',
    run: (plane) =>
      withController(plane, async (api) => {
        await node(api, 'node-good', {});
        await api.apply(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-bad' } }, BY);
        await api.create(CORE.pods, pod('guarded', 'guarded'), BY);
        assert.match(await bind(plane, 'guarded', 'node-bad'), /no agent reports of this node/);
        await until('the binding', async () => !/denied/.test(await bind(plane, 'guarded', 'node-good')));
        await refused(api.create(CORE.pods, pod('named', 'guarded', { nodeName: 'node-bad' }), BY), /requires enforcement/);
        await api.create(CORE.pods, pod('named', 'shop', { nodeName: 'node-bad' }), BY);
      }),
  },
  {
    name: 'when the replica that leads ends, the other writes on',
    run: (plane) =>
      withController(plane, async (api, { first, port }) => {
        const made = await api.create(POLICY_KINDS.KubeArmorClusterPolicy, policy('KubeArmorClusterPolicy', 'handed-over', 'Block'), BY);
        const statusOf = async (): Promise<unknown> => (await api.get(POLICY_KINDS.KubeArmorClusterPolicy, made.metadata))?.['status'];
        await until('its status', async () => (await statusOf()) !== undefined);
        await first[Symbol.asyncDispose]();
        await api.patch(POLICY_KINDS.KubeArmorClusterPolicy, made.metadata, { spec: { severity: 3 } }, BY);
        await until('the status of its second generation', async () => JSON.stringify(await statusOf()).includes('"observedGeneration":2'));
        await using _third = new Replica(plane, 'third', port);
        await until('the webhooks answer', () => isServed(api));
      }),
  },
  {
    name: 'rotation: the API server is told of both authorities, the webhooks answer all along, and an apply leaves the bundle',
    run: (plane) =>
      withController(plane, async (api, { port }) => {
        const hosts = [...webhookHosts(NAMESPACE), 'localhost'];
        const old = takeStep({ authorities: [] }, { step: 'replace', why: '' }, { nowMs: Date.now() - 70 * 86_400_000, hosts });
        await api.replace(CORE.secrets, withCertificates((await api.get(CORE.secrets, SECRET)) ?? webhookSecret(NAMESPACE), old), BY);
        const held = async (): Promise<ServingCertificates> => readCertificates(await api.get(CORE.secrets, SECRET));
        await until('the next one', async () => (await held()).next !== undefined);
        const { authorities, current } = await held();
        assert.deepEqual([authorities.length, current], [2, old.current]);
        const bundles = async (): Promise<readonly string[]> => {
          const found = await api.get(WEBHOOK_CONFIGURATIONS, { name: NAMES.validatingWebhook });
          const webhooks = found?.['webhooks'] as readonly { readonly clientConfig: { readonly caBundle?: string } }[];
          return webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString());
        };
        const isTold = async (): Promise<boolean> => (await bundles()).every((bundle) => bundle === authorities.join(''));
        await until('both are told', isTold);
        await until('the webhooks answer with the old one', () => isServed(api));
        await configureWebhooks(api, port);
        assert.ok(await isTold(), 'an apply without caBundle leaves it');
      }),
  },
  {
    name: 'an expired certificate is replaced, and a Secret that was emptied or made again is filled',
    run: (plane) =>
      withController(plane, async (api) => {
        const old = takeStep(
          { authorities: [] },
          { step: 'replace', why: '' },
          { nowMs: Date.now() - 100 * 86_400_000, hosts: ['localhost'] },
        );
        const found = (await api.get(CORE.secrets, SECRET)) ?? webhookSecret(NAMESPACE);
        await api.replace(CORE.secrets, withCertificates(found, old), BY);
        const isNew = async (): Promise<boolean> => {
          const { current } = readCertificates(await api.get(CORE.secrets, SECRET));
          return current !== undefined && current.certificate !== old.current?.certificate;
        };
        await until('a new one', isNew);
        await until('the webhooks answer again', () => isServed(api));
        await api.patch(CORE.secrets, SECRET, { data: null }, BY);
        await until('it is filled', isNew);
        await api.delete(CORE.secrets, SECRET);
        await api.apply(CORE.secrets, webhookSecret(NAMESPACE), BY); // as the operator does
        await until('it is filled again', isNew);
        await until('the webhooks answer once more', () => isServed(api));
        const webhooks = (await api.get(WEBHOOK_CONFIGURATIONS, { name: NAMES.validatingWebhook }))?.['webhooks'] as readonly unknown[];
        assert.equal(webhooks.length, 3);
      }),
  },
  {
    name: 'without the controller policies are taken, and no pod starts where enforcement is required',
    run: async (plane) => {
      await withController(plane, async () => {});
      using api = plane.api();
      // Nobody owns Leases of replicas that are gone; the webhooks stay configured.
      await api.create(POLICY_KINDS.KubeArmorPolicy, policy('KubeArmorPolicy', 'alone', 'Block'), BY);
      await refused(api.create(CORE.pods, pod('alone', 'guarded', { nodeName: 'node-good' }), BY), /failed calling webhook/);
      await api.create(CORE.pods, pod('alone', 'shop'), BY);
      await withController(plane, async (again) => {
        const about = policy('KubeArmorPolicy', 'alone', 'Block').metadata;
        await until('its status', async () => (await again.get(POLICY_KINDS.KubeArmorPolicy, about))?.['status'] !== undefined);
      });
    },
  },
];

export const SUITE: ClusterSuite = { cases: CASES };
