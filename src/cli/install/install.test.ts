// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { VERSION } from '#base';
import { CONFIGS, CORE, POLICY_KINDS, readConfig } from '#cluster';
import { definitions, imagesOf, installationObjects, kindOf, KINDS } from '#install';
import type { KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { nested } from '#policy/testing';
import { fakeCluster } from '../cluster/testing-cluster.ts';
import type { Io } from '../io.ts';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';

const CONFIG = { name: 'kubearmorconfig-default', namespace: 'kubearmor' };

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const karmor = (api: FakeKubeApi, ...words: readonly string[]): Promise<Told> => karmorThat(api, {}, ...words);

async function karmorThat(api: FakeKubeApi, means: Pick<Partial<Io>, 'sleep'>, ...words: readonly string[]): Promise<Told> {
  const { io, out, err } = recordingIo({ cluster: fakeCluster(api), ...means });
  const code = await runCli(words, io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const specOf = async (api: FakeKubeApi): Promise<unknown> => (await api.get(CONFIGS, CONFIG))?.['spec'];
const writes = (api: FakeKubeApi): number =>
  api.calls.filter(({ verb }) => ['create', 'apply', 'patch', 'replace', 'delete'].includes(verb)).length;

async function imageOf(api: FakeKubeApi): Promise<string> {
  const found = await api.get(KINDS.deployments, { name: 'kubearmor-operator', namespace: 'kubearmor' });
  return /"image":"([^"]+)"/.exec(JSON.stringify(found))?.[1] ?? '';
}

test('what an earlier call asked for stays where a later one does not name it', async () => {
  const api = new FakeKubeApi();
  assert.equal((await karmor(api, 'install', '--block=file')).code, 0);
  const told = await karmor(api, 'upgrade', '--viz=process', '--take-over');
  assert.match(told.out, /^~ KubeArmorConfig kubearmor\/kubearmorconfig-default: .*spec\.defaultVisibility/m);
  assert.deepEqual(await specOf(api), { defaultFilePosture: 'block', defaultVisibility: 'process' });
  await karmor(api, 'install');
  assert.deepEqual(await specOf(api), { defaultFilePosture: 'block', defaultVisibility: 'process' });
  assert.equal((await api.get(CONFIGS, CONFIG))?.metadata.annotations?.['kubearmor.io/take-over'], 'true');
});

test('a second time says so and changes nothing', async () => {
  const api = new FakeKubeApi();
  const words = ['install', '--audit=all', '--registry=mirror.example'];
  await karmor(api, ...words);
  const versions = async (): Promise<unknown> =>
    Promise.all(Object.values(KINDS).map(async (kind) => (await api.list(kind)).map(({ metadata }) => metadata.resourceVersion)));
  const before = await versions();
  assert.match((await karmor(api, ...words)).out, /^nothing to change in kubearmor of https:\/\/cluster\.test$/);
  assert.deepEqual(await versions(), before);
});

const refusals: readonly (readonly [words: readonly string[], why: RegExp])[] = [
  [['--vm-mode=systemd'], /--vm-mode: it is of --nonk8s/],
  [['--secure-containers=false'], /--secure-containers: it is of --nonk8s/],
  [['--image-pull-policy=always'], /imagePullPolicy of each component/],
  [['--host-audit=all'], /hostDefaultFilePosture/],
  [['--host-block', 'file'], /ConfigMap kubearmor-config/],
  [['--host-viz=none'], /hostVisibility/],
  [['--legacy'], /nothing is installed without the operator/],
  [['--annotateExisting'], /nothing annotates or restarts a workload/],
  [['--alertThrottling=false'], /folded into one with a count/],
  [['--maxAlertPerSec=20'], /folded into one/],
  [['--throttleSec', '5'], /folded into one/],
  [['--preserve-upstream=maybe'], /Write true or false|write true or false/],
];
for (const [words, why] of refusals)
  test(`install ${words.join(' ')} is refused with the reason, and nothing is asked of the cluster`, async () => {
    const api = new FakeKubeApi();
    const told = await karmor(api, 'install', ...words);
    assert.equal(told.code, 2);
    assert.match(told.err, why);
    assert.deepEqual(api.calls, []);
  });

test('flags of KubeArmor that do nothing are taken and told, those at its defaults without a word', async () => {
  const api = new FakeKubeApi();
  const defaults = ['--annotateExisting=false', '--alertThrottling', '--maxAlertPerSec=10', '--throttleSec=30', '--verify=false'];
  const quiet = await karmor(api, 'install', '--dry-run', '--preserve-upstream', ...defaults);
  assert.deepEqual([quiet.code, quiet.err], [0, '']);
  const told = await karmor(api, 'install', '--dry-run', '--init-image=x/y:1', '-e', 'k3s');
  assert.equal(told.code, 0);
  assert.match(told.err, /^--init-image: .*; it does nothing\n--env: .*; it does nothing$/);
});

test('images: from another registry, with KubeArmor’s folder or without', async () => {
  const api = new FakeKubeApi();
  await karmor(api, 'install', '--registry=r.example:5000/x', '--tag=v1');
  assert.equal(await imageOf(api), 'r.example:5000/x/kubearmor/kubearmor-operator:v1');
  await karmor(api, 'install', '--registry=r.example:5000/x', '--tag=v1', '--preserve-upstream=false');
  assert.equal(await imageOf(api), 'r.example:5000/x/kubearmor-operator:v1');
});

const imagesThere = async (api: FakeKubeApi): Promise<string[]> => {
  const found = await api.get(KINDS.deployments, { name: 'kubearmor-operator', namespace: 'kubearmor' });
  return Array.from(JSON.stringify(found).matchAll(/"(?:image|value)":"([^"]+)"/g), ([, image]) => image ?? '');
};
const OTHERS = ['kubearmor/kubearmor', 'kubearmor/kubearmor-relay-server', 'kubearmor/kubearmor-controller'];

test('images that an earlier call named stay, and an upgrade changes their tag alone', async () => {
  const api = new FakeKubeApi();
  await karmor(api, 'install', '--registry=mirror.local:5000', '--tag=v9', '--operator-image=own.example/op:1');
  const first = ['own.example/op:1', ...OTHERS.map((name) => `mirror.local:5000/${name}:v9`)];
  assert.deepEqual(await imagesThere(api), first);
  const told = await karmor(api, 'install', '--viz=file');
  assert.match(told.out, new RegExp(`^images stay as they are \\(.*:v9\\): \`karmor upgrade\` brings v${VERSION}$`, 'm'));
  assert.deepEqual(await imagesThere(api), first);
  await karmor(api, 'upgrade');
  const upgraded = ['own.example/op', ...OTHERS.map((name) => `mirror.local:5000/${name}`)].map((name) => `${name}:v${VERSION}`);
  assert.deepEqual(await imagesThere(api), upgraded);
  await karmor(api, 'upgrade', '--registry=r.example', '--relay-tag=v10');
  assert.deepEqual(await imagesThere(api), [
    `r.example/kubearmor/kubearmor-operator:v${VERSION}`,
    `r.example/kubearmor/kubearmor:v${VERSION}`,
    'r.example/kubearmor/kubearmor-relay-server:v10',
    `r.example/kubearmor/kubearmor-controller:v${VERSION}`,
  ]);
});

test('names without KubeArmor’s folder stay so; an image that is pinned by its digest is never unpinned', async () => {
  const api = new FakeKubeApi();
  await karmor(api, 'install', '--registry=r.example/x', '--preserve-upstream=false');
  const pinned = `r.example/x/kubearmor@sha256:${'0'.repeat(64)}`;
  await karmor(api, 'install', `--image=${pinned}`);
  assert.equal((await imagesThere(api))[1], pinned);
  const before = writes(api);
  const refused = await karmor(api, 'upgrade');
  assert.deepEqual([refused.code, writes(api)], [2, before]);
  assert.match(refused.err, /is pinned by its digest: name the new one with --image/);
  await karmor(api, 'upgrade', '--image=r.example/x/kubearmor:v3', '--registry=s.example');
  assert.deepEqual((await imagesThere(api)).slice(0, 2), [`s.example/kubearmor-operator:v${VERSION}`, 'r.example/x/kubearmor:v3']);
});

test('images of KubeArmor’s own operator are not taken for ours', async () => {
  const api = new FakeKubeApi();
  const spec = { template: { spec: { containers: [{ name: 'kubearmor-operator', image: 'kubearmor/kubearmor-operator:stable' }] } } };
  const metadata = { name: 'kubearmor-operator', namespace: 'kubearmor' };
  api.seed(KINDS.deployments, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
  await karmor(api, 'install', '--take-over');
  assert.equal((await imagesThere(api))[0], `docker.io/kubearmor/kubearmor-operator:v${VERSION}`);
});

test('--skip-deploy brings the operator and prints the KubeArmorConfig', async () => {
  const api = new FakeKubeApi();
  const told = await karmor(api, 'install', '--skip-deploy', '--block=all');
  assert.equal(told.code, 0);
  assert.match(told.out, /apply this to have it installed:\napiVersion: operator\.kubearmor\.com\/v1\nkind: KubeArmorConfig\n/);
  assert.match(told.out, /defaultNetworkPosture: block/);
  assert.equal(await specOf(api), undefined);
  assert.notEqual(await imageOf(api), '');
});

/** What the operator would have made, but for DaemonSets: nothing runs here that could end. */
async function deploy(api: FakeKubeApi, namespace: string): Promise<void> {
  const { config } = readConfig({});
  assert.ok(config);
  for (const object of installationObjects({ namespace, config, images: imagesOf('1.2.3') }, []))
    await api.apply(kindOf(object), object, { fieldManager: 'kubearmor-operator' });
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'kubearmor-controller', namespace } };
  await api.create(CORE.leases, lease, { fieldManager: 'kubearmor-controller' });
}

const left = async (api: FakeKubeApi): Promise<string[]> => {
  const kinds = [...Object.values(KINDS), CORE.secrets, CORE.leases];
  const found = await Promise.all(kinds.map((kind) => api.list(kind)));
  return found.flat().map(({ kind, metadata }: KubeObject) => `${kind} ${metadata.name}`);
};

test('uninstall finds where it is, leaves the namespace and says so, and definitions go with --force', async () => {
  const api = new FakeKubeApi();
  await karmor(api, 'install', '-n', 'security');
  await deploy(api, 'security');
  const told = await karmor(api, 'uninstall');
  assert.deepEqual([told.code, told.err], [0, '']);
  assert.match(told.out, /^removed from security of .*; policies and their definitions stay \(--force removes them too\)$/m);
  assert.match(told.out, /^the namespace security stays, .*: kubectl delete namespace security$/m);
  assert.deepEqual(
    (await left(api)).filter((name) => !name.startsWith('CustomResourceDefinition ')),
    ['Namespace security'],
  );
  const again = await karmor(api, 'uninstall', '--force');
  assert.match(again.out, /^nothing of KubeArmor was found in kubearmor of /m);
  assert.deepEqual(await left(api), ['Namespace security']);
});

test('uninstall waits for the operator’s pod before it takes out what that would put back, and not for ever', async () => {
  const api = new FakeKubeApi();
  await karmor(api, 'install');
  await deploy(api, 'kubearmor');
  const labels = { 'kubearmor-app': 'kubearmor-operator', 'kubearmor.io/installed-by': 'kubearmor-installer' };
  const pod = { name: 'kubearmor-operator-x', namespace: 'kubearmor', labels };
  api.seed(CORE.pods, { apiVersion: 'v1', kind: 'Pod', metadata: pod, status: { phase: 'Running' } });
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kubearmor', namespace: 'kubearmor' } };
  const marks = { labels: { 'kubearmor.io/installed-by': 'kubearmor-operator' } };
  let looks = 0;
  const sleep = async (): Promise<void> => {
    looks++;
    assert.ok(await api.get(KINDS.configMaps, { name: 'kubearmor-config', namespace: 'kubearmor' }), 'removed while the operator runs');
    if (looks < 3) return;
    await api.apply(KINDS.services, { ...service, metadata: { ...service.metadata, ...marks } }, { fieldManager: 'kubearmor-operator' });
    await api.delete(CORE.pods, pod);
  };
  const told = await karmorThat(api, { sleep }, 'uninstall');
  assert.deepEqual([told.code, told.err, looks], [0, '', 3]);
  assert.match(told.out, /^waiting for the operator’s pod kubearmor-operator-x to end$/m);
  assert.deepEqual(await api.list(KINDS.services), []);
  api.seed(CORE.pods, { apiVersion: 'v1', kind: 'Pod', metadata: pod, status: { phase: 'Running' } });
  assert.match((await karmor(api, 'uninstall')).err, /the operator’s pod has not ended within 120 s/);
});

test('uninstall asks which where there are two', async () => {
  const api = new FakeKubeApi();
  await karmor(api, 'install', '-n', 'a');
  const [operator] = await api.list(KINDS.deployments);
  assert.ok(operator);
  api.seed(KINDS.deployments, { ...operator, metadata: { ...operator.metadata, namespace: 'b' } });
  const before = writes(api);
  const two = await karmor(api, 'uninstall');
  assert.equal(two.code, 2);
  assert.match(two.err, /KubeArmor is in a, b: say with -n which is meant/);
  assert.equal(writes(api), before);
  assert.match((await karmor(api, 'uninstall', '-n', 'a', '--verify=false')).err, /--verify: .*; it does nothing/);
});

test('a second installation elsewhere is refused before anything is written, and taking out what there is of one leaves the first whole', async () => {
  const api = new FakeKubeApi();
  await karmor(api, 'install');
  const before = writes(api);
  for (const words of [
    ['install', '-n', 'kube-system'],
    ['install', '-n', 'kube-system', '--dry-run', '--take-over'],
    ['upgrade', '-n', 'kube-system'],
  ]) {
    const told = await karmor(api, ...words);
    assert.deepEqual([told.code, told.out], [1, '']);
    assert.match(told.err, /KubeArmor is in kubearmor already \(Deployment kubearmor-operator\)/);
    assert.match(told.err, /karmor upgrade -n kubearmor.*karmor uninstall -n kubearmor/);
  }
  assert.equal(writes(api), before);
  const shared = await left(api);
  await karmor(api, 'uninstall', '-n', 'kube-system');
  assert.deepEqual(await left(api), shared);
});

test('enforcers in another namespace are named too, whoever brought them', async () => {
  const api = new FakeKubeApi();
  const metadata = { name: 'kubearmor-bpf-containerd-98c2c', namespace: 'ka' };
  const spec = { template: { metadata: { labels: { 'kubearmor-app': 'kubearmor' } } } };
  api.seed(KINDS.daemonSets, { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec });
  const told = await karmor(api, 'install');
  assert.match(told.err, /KubeArmor is in ka already \(DaemonSet kubearmor-bpf-containerd-98c2c\)/);
  assert.equal(writes(api), 0);
});

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'karmor-install-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const documents = (path: string): KubeObject[] =>
  parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as KubeObject);

test('--save writes all of it, namespace first and the KubeArmorConfig last, and asks no cluster; a file that is there stays', async (t) => {
  const before = process.cwd();
  process.chdir(folder(t));
  t.after(() => process.chdir(before));
  const api = new FakeKubeApi();
  assert.equal((await karmor(api, 'install', '--save', '-n', 'security', '--block=file')).code, 0);
  const written = documents('kubearmor.yaml');
  assert.deepEqual([written[0]?.kind, written.at(-1)?.kind], ['Namespace', 'KubeArmorConfig']);
  assert.deepEqual(written.at(-1)?.['spec'], { defaultFilePosture: 'block' });
  assert.equal(written.filter(({ kind }) => kind === 'CustomResourceDefinition').length, definitions().length);
  assert.deepEqual(api.calls, []);
  const again = await karmor(api, 'install', '--save');
  assert.match(again.err, /kubearmor\.yaml/);
  assert.notEqual(again.code, 0);
  assert.equal(documents('kubearmor.yaml')[0]?.metadata.name, 'security');
});

test('uninstall --force writes policies as kubectl takes them before anything goes, and goes no further where it cannot', async (t) => {
  const api = new FakeKubeApi();
  await karmor(api, 'install');
  const spec = { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/etc/shadow' }] }, action: 'Block' };
  const kind = POLICY_KINDS.KubeArmorPolicy;
  const metadata = { name: 'p', namespace: 'default', labels: { team: 'a' } };
  await api.create(kind, { apiVersion: 'security.kubearmor.com/v1', kind: kind.kind, metadata, spec }, { fieldManager: 'somebody' });
  const [path, before] = [folder(t), writes(api)];
  const refused = await karmor(api, 'uninstall', '--force', `--backup=${join(path, 'no/such/folder')}`);
  assert.match(refused.err, /nothing was removed/);
  assert.equal(writes(api), before);
  const backup = join(path, 'policies.yaml');
  const told = await karmor(api, 'uninstall', '--force', `--backup=${backup}`);
  assert.match(told.out, new RegExp(`^1 policies are in ${backup}$`, 'm'));
  assert.deepEqual(documents(backup), [{ apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy', metadata, spec }]);
  assert.deepEqual(await api.list(KINDS.definitions), []);
});

test('uninstall --force names a policy that nests too deep to be written, and removes nothing', async (t) => {
  const api = new FakeKubeApi();
  await karmor(api, 'install');
  const kind = POLICY_KINDS.KubeArmorPolicy;
  const metadata = { name: 'deep', namespace: 'default' };
  api.seed(kind, { apiVersion: 'security.kubearmor.com/v1', kind: kind.kind, metadata, spec: { x: nested(100) } });
  const before = writes(api);
  const refused = await karmor(api, 'uninstall', '--force', `--backup=${join(folder(t), 'policies.yaml')}`);
  assert.match(refused.err, /KubeArmorPolicy default\/deep: nested deeper than 64 levels.*; nothing was removed: delete it with kubectl/);
  assert.equal(writes(api), before);
});
