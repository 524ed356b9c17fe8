// SPDX-License-Identifier: Apache-2.0
// Faults with a real API server: agent, controller and relay go through each. Shortened unless run.ts is told --full.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { noLogger } from '#base';
import { CORE, NAMES, readConditions, WEBHOOK_CONFIGURATIONS, webhookHosts } from '#cluster';
import { webhookSecret } from '#install';
import type { KubeApi, KubeObject } from '#k8s';
import { SERVING, takeStep } from '#pki';
import type { ServingCertificates, ServingPair } from '#pki';
import { readCertificates, withCertificates } from '../../src/controller/certificate-secret.ts';
import { block, policyObject } from '../../src/agent/testing/cluster-samples.ts';
import { until } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import { configureWebhooks, freePort, install, NAMESPACE, Replica } from './controller-install.ts';
import { etcdRestarted } from './faults/etcd-restarted.ts';
import { EtcdBlinkStage, EtcdStage, PlaneStage } from './faults/plane-stage.ts';
import { clockJumps, serverAwayUnderChurn, versionsForgotten, watchesCut } from './faults/scenarios.ts';
import { upgradeUnderLoad } from './faults/upgrade.ts';
import { BY, KSP, World } from './faults/world.ts';
import type { ClusterCase, ClusterSuite, Scale } from './suite.ts';

type Open = (plane: ControlPlane, scale: Scale) => Promise<PlaneStage>;

/** A scenario on a stage of its own. */
const on =
  (open: Open, play: (stage: PlaneStage) => Promise<void>): ClusterCase['run'] =>
  async (plane, scale) => {
    await using stage = await open(plane, scale);
    await play(stage);
  };
const onPlane: Open = (plane, scale) => PlaneStage.open(plane, scale);
const onEtcd: Open = (plane, scale) => EtcdStage.open(plane, scale);
const onEtcdBlink: Open = (plane, scale) => EtcdBlinkStage.open(plane, scale);

/** With a word that the webhook refuses and the schema takes. */
const wrong = (name: string, namespace: string): KubeObject =>
  policyObject('KubeArmorPolicy', name, { namespace, spec: { ...block('web'), process: { matchPaths: [{ path: 'no-path' }] } } });

/**
 * While no replica answers policies are taken as they come: good ones are enforced, of one that cannot be honoured the last good generation
 * stays in force; pods start but where enforcement is required. The replica that comes back says what is wrong.
 */
const webhookAway: ClusterCase['run'] = async (plane, scale) => {
  await using stage = await PlaneStage.open(plane, scale);
  await using world = await World.open(stage);
  const { api } = stage;
  const [name] = world.policies;
  assert.ok(name);
  const ref = { name, namespace: world.namespace };
  await assert.rejects(api.patch(KSP, ref, { spec: wrong(name, world.namespace)['spec'] }, BY), /cannot be honoured/);
  await world.stopController();
  await world.change();
  await api.patch(KSP, ref, { spec: wrong(name, world.namespace)['spec'] }, BY);
  const refused = async (): Promise<string | undefined> => (await world.report())?.policies?.[`ksp/${world.namespace}/${name}`]?.state;
  await until('the agent refuses it', async () => (await refused()) === 'Refused');
  const pod = (namespace: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'while-away', namespace },
    spec: { nodeName: world.nodeName, containers: [{ name: 'c', image: 'none' }] },
  });
  await assert.rejects(api.create(CORE.pods, pod('guarded'), BY), /failed calling webhook/);
  await api.create(CORE.pods, pod(world.namespace), BY);
  await world.startController('again');
  const accepted = async (): Promise<string> => {
    const { conditions } = readConditions((await api.get(KSP, ref))?.['status']);
    return conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`).join('; ');
  };
  await until('it says so', async () => (await accepted()).startsWith('Accepted False Invalid; Enforced True LastGoodEnforced'));
  await api.patch(KSP, ref, { spec: block('web', `/bin/${name}`) }, BY);
  await world.converges();
};

/** A clock that is set forward by hand; only what is asked of it jumps. */
class Clock {
  aheadMs = 0;
  readonly steadyMs = (): number => performance.now() + this.aheadMs;
  readonly wallMs = (): number => Date.now();
}

const SECRET = { name: NAMES.webhookSecret, namespace: NAMESPACE };
const held = async (api: KubeApi): Promise<ServingCertificates> => readCertificates(await api.get(CORE.secrets, SECRET));

/** The certificate that is shown to whoever connects. */
async function shownAt(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return shown;
}
const fingerprintOf = (pair: ServingPair | undefined): string => new X509Certificate(pair?.certificate ?? '').fingerprint256;

/** Asks the webhook again and again through the API server, and counts questions that it did not answer. */
class Asker implements AsyncDisposable {
  asked = 0;
  unanswered = 0;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(api: KubeApi) {
    this.#done = this.#run(api);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(api: KubeApi): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // A webhook that does not answer is passed over: the policy would be taken.
      const taken = await api.create(KSP, wrong('is-answered', 'shop'), { ...BY, dryRun: true }).then(
        () => true,
        () => false,
      );
      this.asked++;
      if (taken) this.unanswered++;
      await sleep(200);
    }
  }
}

/** A certificate with little life left is replaced by itself, the new one is in use before the old one expires, and no question is missed. */
const certificateExpires: ClusterCase['run'] = async (plane, { full }) => {
  using api = plane.api();
  await install(api);
  const leftMs = full ? SERVING.spreadMs + 150_000 : 60_000;
  const hosts = [...webhookHosts(NAMESPACE), 'localhost'];
  const madeMs = Date.now() - SERVING.lifeMs + leftMs;
  const old = takeStep({ authorities: [] }, { step: 'replace', why: '' }, { nowMs: madeMs, hosts });
  await api.delete(CORE.secrets, SECRET);
  await api.create(CORE.secrets, withCertificates(webhookSecret(NAMESPACE), old), BY);
  const expiresMs = madeMs + SERVING.lifeMs;
  const [port, clock] = [await freePort(), new Clock()];
  await configureWebhooks(api, port);
  await using _replica = new Replica(plane, 'rotates', port, { clocks: clock, logger: noLogger });
  await until('it answers', () =>
    api.create(KSP, wrong('first', 'shop'), { ...BY, dryRun: true }).then(
      () => false,
      () => true,
    ),
  );
  await using asker = new Asker(api);
  await until('the next certificate', async () => (await held(api)).next !== undefined);
  const { next } = await held(api);
  assert.equal(await shownAt(port), fingerprintOf(old.current), 'clients are told of the next one first');
  if (!full) {
    clock.aheadMs = SERVING.spreadMs;
    const labels = { 'look-again': 'now' };
    await api.patch(WEBHOOK_CONFIGURATIONS, { name: NAMES.validatingWebhook }, { metadata: { labels } }, BY);
  }
  await until('the next one is shown', async () => (await shownAt(port)) === fingerprintOf(next), leftMs);
  assert.ok(Date.now() < expiresMs, 'in use before the old one expires');
  await sleep(Math.max(0, expiresMs + 5_000 - Date.now()));
  assert.ok(asker.asked > 10);
  assert.equal(asker.unanswered, 0);
};

const CASES: readonly ClusterCase[] = [
  { name: 'the API server is away under pod churn', run: on(onPlane, serverAwayUnderChurn), hangMs: 900_000 },
  { name: 'etcd is away under pod churn', run: on(onEtcd, serverAwayUnderChurn), hangMs: 900_000 },
  { name: 'etcd is restarted while something is written', run: on(onEtcdBlink, etcdRestarted), hangMs: 900_000 },
  { name: 'the webhook is away', run: webhookAway },
  { name: 'a certificate that expires is replaced in time', run: certificateExpires, hangMs: 900_000 },
  { name: 'watches are cut again and again', run: on(onPlane, watchesCut), hangMs: 900_000 },
  { name: 'the server forgot versions (410)', run: on(onPlane, versionsForgotten) },
  { name: 'the clock jumps', run: on(onPlane, clockJumps), hangMs: 600_000 },
  { name: 'another version of every program, and back, under load', run: on(onPlane, upgradeUnderLoad), hangMs: 1_200_000 },
];

export const SUITE: ClusterSuite = { cases: CASES };
