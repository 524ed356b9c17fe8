// SPDX-License-Identifier: Apache-2.0
// karmor with a real API server. Of the kubelet there is only what forwards a port (ForwardServer): the API server calls it as it calls
// any kubelet, and it leads to a relay’s feed in this process. A container’s own kubelet path is the hybrid cluster’s to test.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { noLogger } from '#base';
import { CORE, LABELS, NAMES, NODE_REPORTS, nodeLeaseName, POLICY_KINDS } from '#cluster';
import { Feed, logService, serveGrpc } from '#grpc';
import type { Kind, KubeApi, KubeObject } from '#k8s';
import { ForwardServer } from '#k8s/testing';
import { AlertSchema } from '#wire';
import type { Alert } from '#wire';
import { run, until } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';
import { karmorInProcess } from './karmor-in-process.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };
const ROOT = join(import.meta.dirname, '../..');
const CRDS = join(ROOT, 'api/crd');
const NAMESPACE = NAMES.namespace;
const KSP = POLICY_KINDS.KubeArmorPolicy;
const ROLES: Kind = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRole', plural: 'clusterroles', namespaced: false };
const BINDINGS: Kind = { ...ROLES, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings' };
/** May read policies, and nothing else. */
const DEVELOPER = { name: 'developer' };

const objectOf = (kind: Kind, metadata: KubeObject['metadata'], rest: object = {}): KubeObject => ({
  apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
  kind: kind.kind,
  metadata,
  ...rest,
});

const karmor = (plane: ControlPlane, ...args: readonly string[]): Promise<Ran> =>
  run(join(ROOT, 'karmor'), `--kubeconfig=${plane.kubeconfigPath}`, ...args);

const prepared = new WeakSet<ControlPlane>();

/** Kinds, the namespace, a node and a pod of the relay there. */
async function prepare(plane: ControlPlane, api: KubeApi, kubeletPort: number): Promise<void> {
  if (!prepared.has(plane)) {
    await plane.kubectl('apply', '--server-side', '-f', CRDS);
    await plane.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
    for (const name of [NAMESPACE, 'shop']) await api.apply(CORE.namespaces, objectOf(CORE.namespaces, { name }), BY);
    await api.create(CORE.nodes, objectOf(CORE.nodes, { name: 'node1' }), BY);
    const labels = { [LABELS.app]: 'kubearmor-relay' };
    const spec = { nodeName: 'node1', containers: [{ name: 'relay', image: 'relay:1' }] };
    await api.create(CORE.pods, objectOf(CORE.pods, { name: 'relay-1', namespace: NAMESPACE, labels }, { spec }), BY);
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await api.patch(CORE.pods, { name: 'relay-1', namespace: NAMESPACE }, { status }, { ...BY, subresource: 'status' });
  }
  prepared.add(plane);
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
  };
  await api.patch(CORE.nodes, { name: 'node1' }, { status }, { ...BY, subresource: 'status' });
}

interface Served extends AsyncDisposable {
  readonly feed: Feed;
  readonly kubelet: ForwardServer;
}

/** A relay with mutual TLS and a kubelet that leads to it; the client’s certificate is in its Secret. */
async function serveRelay(plane: ControlPlane, api: KubeApi): Promise<Served> {
  const { pki } = plane;
  pki.server('relay', [`DNS:${NAMES.relayService}.${NAMESPACE}.svc`]);
  pki.server('kubelet', ['IP:127.0.0.1']);
  pki.client('karmor', 'kubearmor-client');
  const data = (name: string): string => Buffer.from(pki.read(name)).toString('base64');
  const secret = { data: { 'ca.crt': data('ca.crt'), 'tls.crt': data('karmor.crt'), 'tls.key': data('karmor.key') } };
  const feed = new Feed({ runId: 'r' });
  const tls = { ca: pki.read('ca.crt'), cert: pki.read('relay.crt'), key: pki.read('relay.key') };
  const server = await serveGrpc({
    services: [logService(feed)],
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0, tls },
    logger: noLogger,
  });
  const port = Number(server.address.replace(/^.*:/, ''));
  const kubelet = await ForwardServer.open({ port, tls: { cert: pki.read('kubelet.crt'), key: pki.read('kubelet.key') } });
  await prepare(plane, api, kubelet.port);
  await api.apply(CORE.secrets, objectOf(CORE.secrets, { name: NAMES.clientSecret, namespace: NAMESPACE }, secret), BY);
  return {
    feed,
    kubelet,
    [Symbol.asyncDispose]: async () => {
      await kubelet[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

const alert = (): Alert =>
  create(AlertSchema, { Type: 'MatchedPolicy', PodName: 'web-1', HostName: 'node1', Operation: 'File', Action: 'Block' });

/** Publishes until the reader has what it waits for. */
async function tellUntil(feed: Feed, done: Promise<unknown>): Promise<void> {
  let over = false;
  void done.finally(() => (over = true)).catch(() => {});
  while (!over) {
    feed.publishAlert(alert());
    await sleep(20);
  }
}

const logs = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await using served = await serveRelay(plane, api);
  const running = karmor(plane, 'logs', '--limit', '3', '--json');
  await tellUntil(served.feed, running);
  const { code, output } = await running;
  assert.equal(code, 0, output);
  assert.equal(output.match(/"PodName":"web-1"/g)?.length, 3);
  assert.match(output, /the relay kubearmor\/relay-1 of the cluster at https:\/\/127\.0\.0\.1:\d+, mutual TLS/);
};

/** The connection is cut; the reader comes back and says how long it was away. */
const logsAfterCut = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await using served = await serveRelay(plane, api);
  // more than are told before the cut: so it does not end by then
  const running = karmor(plane, 'logs', '--limit', '40', '--json');
  await until('karmor reads', () => served.feed.stats('alerts').subscribers === 1);
  served.feed.publishAlert(alert());
  served.kubelet.cut();
  await until('the relay lost its reader', () => served.feed.stats('alerts').subscribers === 0);
  await tellUntil(served.feed, running);
  const { code, output } = await running;
  assert.equal(code, 0, output);
  assert.match(output, /connection lost \(.*\); trying again[^]*connected again after/);
};

const logsRefused = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await using served = await serveRelay(plane, api);
  const kubeconfig = plane.kubeconfigOf(DEVELOPER);
  const nobody = await run(join(ROOT, 'karmor'), 'logs', '--kubeconfig', kubeconfig);
  assert.equal(nobody.code, 3, nobody.output);
  assert.match(nobody.output, /pods is forbidden: User "developer" cannot list/);
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }];
  await api.apply(ROLES, objectOf(ROLES, { name: 'lists' }, { rules }), BY);
  const roleRef = { apiGroup: ROLES.group, kind: 'ClusterRole', name: 'lists' };
  const subjects = [{ apiGroup: ROLES.group, kind: 'User', name: DEVELOPER.name }];
  await api.apply(BINDINGS, objectOf(BINDINGS, { name: 'lists' }, { roleRef, subjects }), BY);
  const noSecret = await run(join(ROOT, 'karmor'), 'logs', '--kubeconfig', kubeconfig);
  assert.equal(noSecret.code, 3, noSecret.output);
  assert.match(noSecret.output, /secrets "kubearmor-client-certs" is forbidden.*: ask for read access to the Secret/);
  for (const [file, name] of [
    ['ca.crt', 'ca.crt'],
    ['karmor.crt', 'client.crt'],
    ['karmor.key', 'client.key'],
  ] as const)
    writeFileSync(join(plane.folder, name), plane.pki.read(file));
  const noForward = await run(join(ROOT, 'karmor'), 'logs', '--kubeconfig', kubeconfig, '--tlsCertPath', plane.folder);
  assert.equal(noForward.code, 3, noForward.output);
  assert.match(noForward.output, /pods "relay-1" is forbidden: User "developer" cannot .* "pods\/portforward"/);
  assert.deepEqual(served.kubelet.asked, []);
};

const policy = (name: string, path: string): KubeObject =>
  objectOf(
    KSP,
    { name, namespace: 'shop' },
    { spec: { action: 'Block', selector: { matchLabels: { app: 'web' } }, process: { matchPaths: [{ path }] } } },
  );

/** Reports, a Lease and a policy’s status as agent and controller write them. */
const probe = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await using served = await serveRelay(plane, api);
  assert.ok(served.kubelet.port > 0);
  await api.create(NODE_REPORTS, objectOf(NODE_REPORTS, { name: 'node1' }), BY);
  const node = { kernel: '6.12.0', osImage: 'Debian', architecture: 'amd64', runtime: 'containerd', enforcer: 'bpf', lsm: ['bpf'] };
  const status = { agent: { version: '0.1.0', startedAt: new Date().toISOString() }, node, state: 'enforcing' };
  await api.patch(NODE_REPORTS, { name: 'node1' }, { status }, { ...BY, subresource: 'status' });
  // Nobody renews it here, and on a busy machine minutes may be between this and the last case that looks: it is of the future.
  const renewTime = new Date(Date.now() + 3_600_000).toISOString().replace('Z', '000Z');
  const lease = { holderIdentity: 'node1', leaseDurationSeconds: 60, renewTime };
  await api.apply(CORE.leases, objectOf(CORE.leases, { name: nodeLeaseName('node1'), namespace: NAMESPACE }, { spec: lease }), BY);
  const good = await karmor(plane, 'probe');
  assert.match(good.output, /^ENFORCING\n[^]*node1 {2}enforcing/, good.output);
  assert.equal(good.code, 0);
  await api.create(KSP, policy('no-shell', '/bin/sh'), BY);
  const unknown = await karmor(plane, 'probe', '--full');
  assert.match(unknown.output, /^DEGRADED\n.*policy ksp\/shop\/no-shell is not known to be enforced: it has no status/);
  const listed = await karmor(plane, 'policy', 'list');
  assert.match(listed.output, /ksp\/shop\/no-shell {2}Block {3}unknown +0 +0\/0 +by test at 20/);
  const json = await karmor(plane, 'probe', '-f', 'json');
  assert.match(json.output, /"ActiveLSM": "bpf"/);
};

/** Real managed fields: who changed it, and when. */
const drift = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await using served = await serveRelay(plane, api);
  assert.ok(served.kubelet.port > 0);
  const file = join(plane.folder, 'web.json');
  writeFileSync(file, JSON.stringify(policy('web', '/bin/sh')));
  const missing = await karmor(plane, 'policy', 'diff', file);
  assert.equal(missing.code, 1, missing.output);
  assert.match(missing.output, /missing {4}ksp\/shop\/web/);
  const applied = await plane.kubectl('apply', '--server-side', '--field-manager=gitops', '-f', file);
  assert.equal(applied.code, 0, applied.output);
  await api.delete(KSP, { name: 'no-shell', namespace: 'shop' });
  const same = await karmor(plane, 'policy', 'diff', file);
  assert.equal(same.code, 0, same.output);
  await plane.kubectl('patch', 'ksp/web', '-n', 'shop', '--field-manager=by-hand', '--type=merge', '-p', '{"spec":{"action":"Audit"}}');
  const changed = await karmor(plane, 'policy', 'diff', file);
  assert.equal(changed.code, 1, changed.output);
  assert.match(changed.output, /different {2}ksp\/shop\/web .*\n {12}changed by (by-hand|gitops or by-hand|by-hand or gitops) at 20/);
  assert.match(changed.output, /spec\.action: "Block" in the file, "Audit" in the cluster/);
  assert.match(changed.output, /audited → denied {2}run \/bin\/sh/);
};

/** The roles of docs/reference/karmor-access.md are enough, and give no more. */
const rights = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await using served = await serveRelay(plane, api);
  const page = readFileSync(join(ROOT, 'docs/reference/karmor-access.md'), 'utf8');
  const roles = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text = '']) => text);
  const file = join(plane.folder, 'roles.yaml');
  writeFileSync(file, roles.join('---\n'));
  assert.equal(roles.length, 2);
  await plane.kubectl('apply', '-f', file);
  await plane.kubectl('create', 'clusterrolebinding', 'reader', '--clusterrole=karmor-reader', '--user=reader');
  const kubeconfig = plane.kubeconfigOf({ name: 'reader' });
  const asReader = (...args: readonly string[]): Promise<Ran> => run(join(ROOT, 'karmor'), ...args, '--kubeconfig', kubeconfig);
  const probed = await asReader('probe');
  assert.match(probed.output, /^(ENFORCING|DEGRADED)\n/);
  assert.ok(!probed.output.includes('forbidden'), probed.output);
  for (const args of [['policy', 'list'], ['policy', 'match'], ['version']]) {
    const ran = await asReader(...args);
    assert.ok(ran.code <= 1 && !ran.output.includes('forbidden'), ran.output);
  }
  const noLogs = await asReader('logs');
  assert.match(noLogs.output, /secrets "kubearmor-client-certs" is forbidden/);
  await plane.kubectl('create', 'rolebinding', 'reader', '-n', NAMESPACE, '--role=karmor-logs', '--user=reader');
  const running = asReader('logs', '--limit', '1', '--json');
  await tellUntil(served.feed, running);
  const read = await running;
  assert.equal(read.code, 0, read.output);
  const dump = await asReader('sysdump', '-f', join(plane.folder, 'dump.zip'));
  assert.equal(dump.code, 4, dump.output);
  assert.match(dump.output, /not read: kubearmor\/secrets: .*secrets is forbidden/);
};

/** Each is taken back as it was; the API server, not a fake, says what apply does. */
const backup = async (plane: ControlPlane): Promise<void> => {
  using api = plane.api();
  await using served = await serveRelay(plane, api);
  assert.ok(served.kubelet.port > 0);
  await api.patch(CORE.namespaces, { name: 'shop' }, { metadata: { annotations: { 'kubearmor-file-posture': 'block' } } }, BY);
  await api.apply(KSP, policy('kept', '/bin/sh'), BY);
  const file = join(plane.folder, 'backup.json');
  const made = await karmor(plane, 'migrate', '--backup', file);
  assert.match(made.output, /1 Namespace, .*KubeArmorPolicy/);
  await api.delete(KSP, { name: 'kept', namespace: 'shop' });
  await api.patch(CORE.namespaces, { name: 'shop' }, { metadata: { annotations: { 'kubearmor-file-posture': 'audit' } } }, BY);
  const dry = await karmor(plane, 'migrate', '--restore', file, '--dry-run');
  assert.match(dry.output, /KubeArmorPolicy shop\/kept: made again \(dry run\)/);
  assert.equal(await api.get(KSP, { name: 'kept', namespace: 'shop' }), undefined);
  const restored = await karmor(plane, 'migrate', '--restore', file);
  assert.equal(restored.code, 0, restored.output);
  assert.match(restored.output, /Namespace shop: changed back\n[^]*KubeArmorPolicy shop\/kept: made again/);
  const again = await karmor(plane, 'migrate', '--restore', file);
  assert.ok(!/made again|changed back/.test(again.output), again.output);
  const space = await api.get(CORE.namespaces, { name: 'shop' });
  assert.equal(space?.metadata.annotations?.['kubearmor-file-posture'], 'block');
  const checked = await karmor(plane, 'migrate', '--check', 'cluster');
  assert.equal(checked.code, 1, checked.output);
  assert.match(checked.output, /run \/usr\/bin\/sh: allowed with KubeArmor, denied here/);
};

/** Every command that asks a cluster, as somebody who may nothing there: told in words what is missing, and for whom. */
const noRights = async (plane: ControlPlane): Promise<void> => {
  using admin = plane.api();
  await using _served = await serveRelay(plane, admin);
  using api = plane.api({ user: { name: 'nobody' } });
  const file = join(plane.folder, 'nobody.json');
  writeFileSync(file, JSON.stringify(policy('web', '/bin/sh')));
  const commands: readonly string[] = [
    'logs',
    'policy list',
    'policy match',
    'policy status web -n shop',
    `policy diff ${file}`,
    'migrate --check',
    `migrate --backup ${join(plane.folder, 'nobody-backup.json')}`,
    'rotate-tls',
    'install',
    'upgrade',
    'uninstall',
  ];
  for (const command of commands) {
    const { code, err, out } = await karmorInProcess(api, ...command.split(' '));
    assert.equal(code, 3, `${command}: ${err}${out}`);
    assert.match(
      err,
      /^karmor [^\n]* is forbidden: User "nobody" cannot [^\n]*\(may this account do that\? see `kubectl auth can-i`\)$/,
      command,
    );
  }
  const probed = await karmorInProcess(api, 'probe');
  assert.match(probed.out, /^NOT RUNNING\n[^]*cannot be read: .*User "nobody" cannot list/);
  assert.equal(probed.code, 3);
};

const CASES: readonly ClusterCase[] = [
  { name: 'logs through the API server and a kubelet, with mutual TLS', run: logs },
  { name: 'logs go on after the connection was cut', run: logsAfterCut },
  { name: 'logs say which right is missing', run: logsRefused },
  { name: 'every command says which right is missing', run: noRights },
  { name: 'probe and the list of policies', run: probe },
  { name: 'drift, and who made it', run: drift },
  { name: 'the rights that the page names', run: rights },
  { name: 'backup and restore', run: backup },
];

export const SUITE: ClusterSuite = { cases: CASES };
