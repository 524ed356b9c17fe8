// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeApi } from '#k8s';
import { until } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { Follower } from './follower.ts';
import { CONFIG_MAPS, configMap, newNamespace } from './suite.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };
const QUICK = { watchPauses: { firstMs: 100, maxMs: 1_000 } };

/** A namespace with one ConfigMap, and a watch of it through a proxy, that was told so. */
interface Scene {
  readonly namespace: string;
  readonly api: KubeApi & Disposable;
  readonly proxy: CuttingProxy;
  readonly watch: Follower;
}

async function withScene(plane: ControlPlane, act: (scene: Scene) => Promise<void>): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  await api.create(CONFIG_MAPS, configMap(namespace, 'there'), BY);
  await using proxy = await CuttingProxy.open(plane.apiPort);
  using far = plane.api({ port: proxy.port, ...QUICK });
  await using watch = new Follower(far, CONFIG_MAPS, { namespace });
  await watch.next('synced there');
  await act({ namespace, api, proxy, watch });
}

/** Cuts the watch, and changes what it watches before it is let back. */
async function changeWhileCut({ namespace, api, proxy }: Scene): Promise<void> {
  proxy.hold();
  proxy.cut();
  await until('the watch comes back', () => proxy.holding > 0);
  await api.create(CONFIG_MAPS, configMap(namespace, 'meanwhile'), BY);
  await api.delete(CONFIG_MAPS, { name: 'there', namespace });
}

const cutOnce = (plane: ControlPlane): Promise<void> =>
  withScene(plane, async (scene) => {
    const { proxy, watch } = scene;
    await changeWhileCut(scene);
    proxy.pass();
    assert.deepEqual(await watch.next('deleted there'), ['added meanwhile', 'deleted there']);
  });

const cutForLong = (plane: ControlPlane): Promise<void> =>
  withScene(plane, async ({ namespace, api, proxy, watch }) => {
    proxy.refuse();
    proxy.cut();
    await watch.next('lost API_UNREACHABLE');
    await api.delete(CONFIG_MAPS, { name: 'there', namespace });
    const before = proxy.accepted;
    await until('the watch tries again', () => proxy.accepted > before);
    proxy.pass();
    assert.deepEqual(await watch.next('synced'), ['synced']);
  });

const gone = (plane: ControlPlane): Promise<void> =>
  withScene(plane, async (scene) => {
    const { namespace, api, proxy, watch } = scene;
    await changeWhileCut(scene);
    // A new API server remembers nothing of before, and etcd neither.
    await plane.compact();
    await plane.apiServer.kill();
    await plane.startApiServer();
    proxy.pass();
    assert.deepEqual(await watch.next('synced'), ['synced meanwhile'], '410 is no loss');
    await api.create(CONFIG_MAPS, configMap(namespace, 'after'), BY);
    assert.deepEqual(await watch.next('added'), ['added after']);
  });

const killed = (plane: ControlPlane): Promise<void> =>
  withScene(plane, async ({ namespace, api, watch }) => {
    await plane.apiServer.kill();
    await watch.next('lost API_UNREACHABLE');
    await assert.rejects(api.get(CONFIG_MAPS, { name: 'there', namespace }), { code: 'API_UNREACHABLE', message: /ECONNREFUSED/ });
    await plane.startApiServer();
    assert.deepEqual(await watch.next('synced'), ['synced there'], 'the loss is told once');
    await api.create(CONFIG_MAPS, configMap(namespace, 'after'), BY);
    await watch.next('added after');
  });

const etcdRestarted = (plane: ControlPlane): Promise<void> =>
  withScene(plane, async ({ namespace, api, watch }) => {
    await plane.etcd.kill();
    using impatient = plane.api({ timeoutMs: 2_000, tries: 1 });
    await assert.rejects(impatient.create(CONFIG_MAPS, configMap(namespace, 'lost'), BY), { code: 'API_UNREACHABLE' });
    plane.etcd.start();
    const isBack = (): Promise<boolean> =>
      impatient.patch(CONFIG_MAPS, { name: 'there', namespace }, { data: { size: '2' } }, BY).then(
        () => true,
        () => false,
      );
    await until('writes are taken again', isBack);
    await api.apply(CONFIG_MAPS, configMap(namespace, 'after'), BY);
    await watch.next('added after');
  });

const frozen = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api({ timeoutMs: 500, tries: 2 });
  const namespace = await newNamespace(plane);
  await plane.apiServer.freeze();
  try {
    await assert.rejects(api.list(CONFIG_MAPS, { namespace }), { code: 'API_UNREACHABLE', message: /no answer after 500 ms/ });
  } finally {
    plane.apiServer.thaw();
  }
  assert.deepEqual(await api.list(CONFIG_MAPS, { namespace }), []);
};

const AUDIT = { log: 'audit.log', policy: 'audit-policy.yaml' };

/** The versions that watches of a namespace began with, as the server saw them. */
function watchedFrom(folder: string, namespace: string): number[] {
  const lines = readFileSync(join(folder, AUDIT.log), 'utf8').split('\n');
  const found = lines.flatMap((line) => {
    const version = new RegExp(`"requestURI":"/api/v1/namespaces/${namespace}/configmaps[^"]*resourceVersion=(\\d+)`).exec(line)?.[1];
    return version === undefined || !line.includes('ResponseStarted') ? [] : [Number(version)];
  });
  return found;
}

/** The selection is silent while the cluster is busy: only bookmarks can tell the watch where it is. */
const bookmarks = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api({ watchSeconds: { min: 6, max: 7 } });
  const [quiet, busy] = [await newNamespace(plane), await newNamespace(plane)];
  await using watch = new Follower(api, CONFIG_MAPS, { namespace: quiet });
  await watch.next('synced');
  const made = await api.create(CONFIG_MAPS, configMap(busy, 'a'), BY);
  await until('a watch goes on from where a bookmark put it', () =>
    watchedFrom(plane.folder, quiet).some((version) => version >= Number(made.metadata.resourceVersion)),
  );
  assert.deepEqual(watch.told, [], 'neither loss nor list');
};

const CASES: readonly ClusterCase[] = [
  { name: 'a watch goes on from its bookmarks', run: bookmarks },
  { name: 'a cut watch goes on where it was', run: cutOnce },
  { name: 'a network that is away is a loss, then a whole list', run: cutForLong },
  { name: 'a version that the server forgot (410) is a whole list', run: gone },
  { name: 'the API server is killed and comes back', run: killed },
  { name: 'etcd is killed and comes back', run: etcdRestarted },
  { name: 'an API server that does not answer is given up in time', run: frozen },
];

export const SUITE: ClusterSuite = {
  options: {
    prepare(folder) {
      writeFileSync(join(folder, AUDIT.policy), 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, verbs: [watch]}]\n');
      return [`--audit-policy-file=${join(folder, AUDIT.policy)}`, `--audit-log-path=${join(folder, AUDIT.log)}`];
    },
  },
  cases: CASES,
};
