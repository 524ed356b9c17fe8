// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { KubeArmorError, noLogger } from '#base';
import { CORE } from '#cluster';
import { Feed, logService, serveGrpc } from '#grpc';
import { openKubeApi } from '#k8s';
import { FakeKubeApi, ForwardServer } from '#k8s/testing';
import { AlertSchema } from '#wire';
import { connectAgentPort } from '../connect-agent.ts';
import type { Io } from '../io.ts';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';
import type { Recorded } from '../testing.ts';
import { fakeCluster, ourPod, secretOf } from './testing-cluster.ts';

interface Ran extends Pick<Recorded, 'out' | 'err'> {
  readonly code: number;
}

/** Runs `karmor logs`; every line that it prints is told to `onOut`, which may stop it. */
async function logs(
  args: string,
  api: FakeKubeApi,
  server: Pick<ForwardServer, 'access'>,
  over: Partial<Omit<Io, 'cluster'>> = {},
): Promise<Ran> {
  using real = openKubeApi({ access: server.access(), userAgent: 'test' });
  const { io, out, err } = recordingIo({ cluster: fakeCluster(api, real.pods), connect: connectAgentPort, ...over });
  const code = await runCli(`logs ${args}`.trim().split(' '), io);
  return { code, out, err };
}

async function relay(): Promise<AsyncDisposable & { readonly feed: Feed; readonly port: number }> {
  const feed = new Feed({ runId: 'r' });
  const listen = { kind: 'tcp', host: '127.0.0.1', port: 0, insecureLoopback: true } as const;
  const server = await serveGrpc({ services: [logService(feed)], listen, logger: noLogger });
  const port = Number(server.address.replace(/^.*:/, ''));
  return { feed, port, [Symbol.asyncDispose]: () => server.stop() };
}

const alertOf = (PodName: string) =>
  create(AlertSchema, { Type: 'MatchedPolicy', PodName, HostName: 'node1', Operation: 'File', Action: 'Block' });

/** Publishes until the reader has what it waits for. */
async function tellUntil(feed: Feed, done: Promise<unknown>): Promise<void> {
  let over = false;
  void done.finally(() => (over = true)).catch(() => {});
  while (!over) {
    feed.publishAlert(alertOf('web-1'));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('karmor logs: through the API server to the relay', async () => {
  await using from = await relay();
  await using server = await ForwardServer.open({ port: from.port });
  const api = new FakeKubeApi();
  api.seed(CORE.pods, ourPod('kubearmor-relay', 'relay-old', { isReady: false }));
  api.seed(CORE.pods, ourPod('kubearmor-relay', 'relay-1'));
  const running = logs('--limit 1 --json', api, server);
  await tellUntil(from.feed, running);
  const { code, out, err } = await running;
  assert.equal(code, 0, err.join('\n'));
  assert.equal((JSON.parse(out[0] ?? '') as { PodName: string }).PodName, 'web-1');
  assert.deepEqual(err, [
    'karmor logs: the relay kubearmor/relay-1 of the cluster at https://cluster.test, without TLS: there is no Secret kubearmor-client-certs',
  ]);
  assert.match(server.asked[0] ?? '', /pods\/relay-1\/portforward\?ports=32767/);
});

test('karmor logs: a connection that breaks is made again, to the relay that is there then', async () => {
  await using from = await relay();
  await using server = await ForwardServer.open({ port: from.port });
  const api = new FakeKubeApi();
  api.seed(CORE.pods, ourPod('kubearmor-relay', 'relay-1'));
  let seen = 0;
  const out = async (): Promise<void> => {
    if (++seen !== 1) return;
    api.remove(CORE.pods, { name: 'relay-1', namespace: 'kubearmor' });
    api.seed(CORE.pods, ourPod('kubearmor-relay', 'relay-2'));
    server.cut();
  };
  const running = logs('--limit 400', api, server, { out });
  await tellUntil(from.feed, running);
  const { code, err } = await running;
  assert.equal(code, 0, err.join('\n'));
  assert.match(err.join('\n'), /connection lost \(.*\); trying again\n.*relay kubearmor\/relay-2.*\n.*connected again after/);
});

test('karmor logs: KubeArmor in another namespace is found, and that is said', async () => {
  await using server = await ForwardServer.open({});
  const api = new FakeKubeApi();
  api.seed(CORE.pods, ourPod('kubearmor-relay', 'relay-1', { namespace: 'kube-system' }));
  const { code, err } = await logs('', api, server);
  assert.equal(code, 3);
  assert.match(err[0] ?? '', /no KubeArmor in the namespace kubearmor; its pods are in kube-system: that one is used/);
  assert.match(err.at(-1) ?? '', /ECONNREFUSED/);
});

test('karmor logs: in a pod the service itself is reached, with certificates of a folder', async () => {
  const { io, addresses, err } = recordingIo({
    cluster: fakeCluster(),
    surroundings: async () => ({ isInPod: true, hasKubeconfigVariable: false, hasAgentSocket: false }),
    connect: async (to) => {
      addresses.push(to);
      throw new KubeArmorError('UNREACHABLE', 'nobody is there in this test');
    },
  });
  assert.equal(await runCli('logs --tlsCertPath /certs'.split(' '), io), 3);
  assert.deepEqual(addresses, [{ address: 'kubearmor.kubearmor.svc:32767', tlsCertPath: '/certs' }]);
  assert.equal(err[0], 'karmor logs: the relay at kubearmor.kubearmor.svc:32767, mutual TLS');
});

const refused: readonly {
  readonly name: string;
  readonly args?: string;
  readonly seed: (api: FakeKubeApi) => void;
  readonly code: number;
  readonly says: RegExp;
}[] = [
  { name: 'nothing is installed', seed: () => {}, code: 1, says: /no pod in any namespace has the label kubearmor-app: is it installed\?/ },
  {
    name: 'two installations',
    seed: (api) => ['a', 'b'].forEach((namespace) => api.seed(CORE.pods, ourPod('kubearmor', 'x', { namespace }))),
    code: 2,
    says: /are in a, b: name the one that is meant/,
  },
  {
    name: 'no relay',
    seed: (api) => api.seed(CORE.pods, ourPod('kubearmor', 'x')),
    code: 3,
    says: /looking for the relay in the namespace kubearmor: there is none/,
  },
  {
    name: 'a relay that is not ready',
    seed: (api) => api.seed(CORE.pods, ourPod('kubearmor-relay', 'x', { isReady: false })),
    code: 3,
    says: /none of 1 is ready/,
  },
  {
    name: '--secure without a Secret',
    args: '--secure',
    seed: (api) => api.seed(CORE.pods, ourPod('kubearmor-relay', 'x')),
    code: 2,
    says: /--secure: there is no Secret kubearmor\/kubearmor-client-certs/,
  },
  {
    name: 'a Secret that may not be read',
    seed: (api) => {
      api.seed(CORE.pods, ourPod('kubearmor-relay', 'x'));
      api.refuseNext(({ plural }) => plural === 'secrets', 'API_REFUSED', 'reading secrets: forbidden');
    },
    code: 3,
    says: /forbidden: ask for read access to the Secret .*, or name a folder of certificates with --tlsCertPath/,
  },
  {
    name: 'a Secret without a key',
    seed: (api) => {
      api.seed(CORE.pods, ourPod('kubearmor-relay', 'x'));
      api.seed(CORE.secrets, secretOf('kubearmor', 'kubearmor-client-certs', { 'ca.crt': 'x', 'tls.crt': 'y' }));
    },
    code: 2,
    says: /reading the Secret kubearmor\/kubearmor-client-certs: tls\.key is missing/,
  },
  { name: 'the API server is away', seed: (api) => api.goAway(), code: 3, says: /connection refused \(is the API server up/ },
];
for (const { name, args = '', seed, code, says } of refused) {
  test(`karmor logs: ${name}`, async () => {
    await using server = await ForwardServer.open({});
    const api = new FakeKubeApi();
    seed(api);
    const ran = await logs(args, api, server);
    assert.equal(ran.code, code);
    assert.match(ran.err.at(-1) ?? '', says);
    assert.deepEqual(server.asked, []);
  });
}
