// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inClusterAccess, kubeconfigAccess, lead, openKubeApi } from '#k8s';
import type { Kind, KubeApi } from '#k8s';
import { inTime } from '../vm/running.ts';
import { ADMIN } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { Follower } from './follower.ts';
import { CONFIG_MAPS, configMap, newNamespace } from './suite.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };
const ACCOUNTS: Kind = { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true };
const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
const BINDINGS: Kind = { ...RBAC, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', namespaced: false };

/** Lets a user or a service account read most things. Not by the role `view`: the controller manager fills that, and here is none. */
async function letRead(api: KubeApi, name: string, subject: Readonly<Record<string, string>>): Promise<void> {
  const roleRef = { apiGroup: RBAC.group, kind: 'ClusterRole', name: 'system:aggregate-to-view' };
  const binding = { apiVersion: `${RBAC.group}/v1`, kind: 'ClusterRoleBinding', metadata: { name }, roleRef, subjects: [subject] };
  await api.create(BINDINGS, binding, BY);
}

async function noPermission(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  using eve = plane.api({ user: { name: 'eve' }, watchPauses: { firstMs: 100, maxMs: 500 } });
  await assert.rejects(eve.list(CONFIG_MAPS, { namespace }), {
    code: 'API_REFUSED',
    message: /User "eve" cannot list resource "configmaps"/,
  });
  await using watch = new Follower(eve, CONFIG_MAPS, { namespace });
  await watch.next('lost API_REFUSED');
  await letRead(api, 'eve', { apiGroup: RBAC.group, kind: 'User', name: 'eve' });
  assert.deepEqual(await watch.next('synced'), ['synced']);
  await api.delete(BINDINGS, { name: 'eve' });
  await assert.rejects(eve.create(CONFIG_MAPS, configMap(namespace, 'a'), BY), { code: 'API_REFUSED' });
}

/** A service account's token as the API server makes them. */
function tokenOf(
  plane: ControlPlane,
  namespace: string,
  account: { readonly name: string; readonly uid: string },
  secondsLeft: number,
): string {
  const nowS = Math.floor(Date.now() / 1000);
  const issuer = `https://127.0.0.1:${plane.apiPort}/`;
  const claims = {
    iss: issuer,
    aud: [issuer],
    sub: `system:serviceaccount:${namespace}:${account.name}`,
    iat: nowS - 7200,
    nbf: nowS - 7200,
    exp: nowS + secondsLeft,
    'kubernetes.io': { namespace, serviceaccount: account },
  };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'ES256' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(text), { key: plane.pki.read('sa.key'), dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

async function expiredToken(plane: ControlPlane): Promise<void> {
  using api = plane.api();
  const namespace = await newNamespace(plane);
  const made = await api.create(ACCOUNTS, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'agent', namespace } }, BY);
  await letRead(api, `agent-${namespace}`, { kind: 'ServiceAccount', name: 'agent', namespace });
  const account = { name: 'agent', uid: made.metadata.uid ?? '' };
  const put = (name: string, text: string): void => writeFileSync(join(plane.folder, name), text);
  put('ca.crt', plane.pki.read('ca.crt'));
  put('namespace', namespace);
  put('token', tokenOf(plane, namespace, account, -3600));
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(plane.apiPort) };
  const access = await inClusterAccess(env, plane.folder);
  assert.ok(access !== undefined && access.namespace === namespace);
  using own = openKubeApi({ access, userAgent: 'test', watchPauses: { firstMs: 100, maxMs: 500 } });
  await assert.rejects(own.list(CONFIG_MAPS, { namespace }), { code: 'API_REFUSED' });
  await using watch = new Follower(own, CONFIG_MAPS, { namespace });
  await watch.next('lost API_REFUSED');
  put('token', tokenOf(plane, namespace, account, 3600));
  await watch.next('synced');
  assert.deepEqual(await own.list(CONFIG_MAPS, { namespace }), []);
}

async function wrongAuthority(plane: ControlPlane): Promise<void> {
  const access = await kubeconfigAccess([plane.kubeconfigOf(ADMIN)]);
  using stranger = openKubeApi({
    access: { ...access, identify: async (fresh) => ({ ...(await access.identify(fresh)), ca: undefined }) },
    userAgent: 'test',
    tries: 1,
  });
  await assert.rejects(stranger.get(CONFIG_MAPS, { name: 'a', namespace: 'default' }), { code: 'API_UNREACHABLE', message: /certificate/ });
}

/** Somebody who wants to lead; `leads` and `ends` resolve as its work begins and is told to stop. */
class Candidate {
  readonly leads = Promise.withResolvers<void>();
  readonly ends = Promise.withResolvers<void>();
  readonly stop = new AbortController();
  readonly done: Promise<void>;

  constructor(api: KubeApi, holder: string, namespace: string) {
    const options = { ref: { name: 'leader', namespace }, holder, durationS: 4, everyMs: 300, fieldManager: holder };
    const work = async (leading: AbortSignal): Promise<void> => {
      this.leads.resolve();
      await new Promise<void>((resolve) => leading.addEventListener('abort', () => resolve(), { once: true }));
      this.ends.resolve();
    };
    this.done = lead(api, options, work, this.stop.signal);
  }
}

async function election(plane: ControlPlane): Promise<void> {
  const namespace = await newNamespace(plane);
  await using proxy = await CuttingProxy.open(plane.apiPort);
  using near = plane.api({ timeoutMs: 2_000 });
  using far = plane.api({ timeoutMs: 2_000, port: proxy.port });
  const first = new Candidate(far, 'first', namespace);
  await inTime('the first leads', first.leads.promise);
  const second = new Candidate(near, 'second', namespace);
  const order: string[] = [];
  const told = Promise.all([
    first.ends.promise.then(() => order.push('first stops')),
    second.leads.promise.then(() => order.push('second leads')),
  ]);
  proxy.refuse();
  proxy.cut();
  await inTime('the second leads', told);
  assert.deepEqual(order, ['first stops', 'second leads'], 'never two at the same time');
  proxy.pass();
  const third = new Candidate(near, 'third', namespace);
  second.stop.abort();
  first.stop.abort();
  await inTime('the third leads', third.leads.promise);
  third.stop.abort();
  await Promise.all([first.done, second.done, third.done]);
}

const CASES: readonly ClusterCase[] = [
  { name: 'a user without permission is told so, until it has it', run: noPermission },
  { name: 'an expired token is refused; a new one in its file is taken at once', run: expiredToken },
  { name: 'a server whose certificate nobody vouches for is not spoken to', run: wrongAuthority },
  { name: 'of two that want to lead one does; the other takes over only after the first has stopped', run: election },
];

export const SUITE: ClusterSuite = { cases: CASES };
