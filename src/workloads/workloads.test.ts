// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import type { Postures } from '#policy';
import type { Container, ContainerChange, ContainerSource, PodIdentity } from '#runtimes';
import { hostWorkload } from './identify.ts';
import { Workloads } from './workloads.ts';
import type { WorkloadChange, WorkloadSettings } from './workload-change.ts';

const AUDIT: Postures = { file: 'audit', network: 'audit', capabilities: 'audit' };
const BLOCK: Postures = { file: 'block', network: 'block', capabilities: 'block' };
const SETTINGS: WorkloadSettings = { posturesOf: () => AUDIT };

/** Gives these changes, then ends. */
function fakeSource(changes: readonly ContainerChange[]): ContainerSource {
  return {
    claim: () => Promise.resolve('unknown'),
    list: () => Promise.resolve([]),
    async *watch() {
      yield* changes;
    },
  };
}

const cgroup = (id: bigint): NonNullable<Container['cgroup']> => ({
  id,
  path: `/c/${id}`,
  directory: `/sys/fs/cgroup/c/${id}`,
  version: 2,
});

function container(over: Partial<Container> = {}): Container {
  const id = over.id ?? 'web';
  const runtimeNamespace = over.runtimeNamespace ?? 'default';
  return {
    key: `${runtimeNamespace}/${id}`,
    id,
    runtimeNamespace,
    name: id,
    image: 'docker.io/library/nginx:1',
    imageDigest: 'sha256:aa',
    labels: { app: 'web' },
    pod: undefined,
    policyAnnotation: undefined,
    status: 'created',
    initPid: undefined,
    cgroupPath: `/default/${id}`,
    cgroup: undefined,
    createdNs: 5n,
    mounts: [],
    ...over,
  };
}
const prepared = (over: Partial<Container> = {}): Container => container({ initPid: 7, cgroup: cgroup(70n), ...over });
const running = (over: Partial<Container> = {}): Container => prepared({ status: 'running', ...over });
const synced = (...containers: Container[]): ContainerChange => ({ kind: 'synced', containers, gapMs: 0 });

async function replay(changes: readonly ContainerChange[], settings = SETTINGS): Promise<{ workloads: Workloads; told: WorkloadChange[] }> {
  const workloads = new Workloads(fakeSource(changes), settings);
  const told: WorkloadChange[] = [];
  workloads.onChange((change) => told.push(change));
  await workloads.run(AbortSignal.timeout(1000));
  return { workloads, told };
}
const kinds = (told: readonly WorkloadChange[]): string[] =>
  told.map((change) => {
    if (change.kind === 'lost' || change.kind === 'synced') return change.kind;
    if (change.kind === 'forgotten') return `forgotten ${change.key}`;
    return `${change.kind} ${change.kind === 'unbound' ? change.before.key : change.now.key}`;
  });

test('workloads: the life of one container', async () => {
  const { workloads, told } = await replay([
    synced(),
    { kind: 'created', container: container() },
    { kind: 'prepared', container: prepared() },
    { kind: 'started', container: running() },
    { kind: 'exited', container: running({ status: 'stopped' }) },
    { kind: 'released', container: container() },
    { kind: 'deleted', container: container() },
  ]);
  assert.deepEqual(kinds(told), [
    'synced',
    'expected default/web',
    'bound default/web',
    'unbound default/web',
    'expected default/web',
    'forgotten default/web',
  ]);
  const bound = told[2];
  assert.ok(bound?.kind === 'bound');
  assert.deepEqual(bound.now, {
    key: 'default/web',
    workload: {
      id: 'web',
      kind: 'container',
      namespace: 'container_namespace',
      podName: 'web',
      containerName: 'web',
      image: 'docker.io/library/nginx:1@sha256:aa',
      labels: { app: 'web' },
      mode: 'enabled',
      postures: AUDIT,
    },
    cgroupId: 70n,
    cgroupPath: '/sys/fs/cgroup/c/70',
    initPid: 7,
    rootPath: '/proc/7/root',
    hadStarted: false,
    isSandbox: false,
    createdNs: 5n,
    mounts: [],
  });
  assert.deepEqual(workloads.list(), []);
  assert.equal(workloads.byCgroupId(70n), undefined);
});

test('workloads: containers that run already are bound, and known to have started', async () => {
  const { workloads, told } = await replay([synced(running(), container({ id: 'idle' }))]);
  assert.deepEqual(kinds(told), ['bound default/web', 'expected default/idle', 'synced']);
  assert.equal(workloads.get('default/web')?.hadStarted, true);
  assert.equal(workloads.byCgroupId(70n)?.key, 'default/web');
});

test('workloads: while the runtime is away nothing is unbound; then what is gone is', async () => {
  const cause = new KubeArmorError('RUNTIME_UNREACHABLE', 'gone');
  const two = running({ id: 'b', initPid: 8, cgroup: cgroup(80n) });
  const away = await replay([synced(running(), two), { kind: 'lost', cause }]);
  assert.equal(away.workloads.list().length, 2);
  const { told } = await replay([synced(running(), two), { kind: 'lost', cause }, { kind: 'synced', containers: [two], gapMs: 5 }]);
  assert.deepEqual(kinds(told).slice(2), ['synced', 'lost', 'unbound default/web', 'forgotten default/web', 'synced']);
});

test('workloads: started anew under the same name is another binding', async () => {
  const anew = running({ initPid: 9, cgroup: cgroup(90n) });
  const { workloads, told } = await replay([synced(running()), synced(anew)]);
  assert.deepEqual(kinds(told), ['bound default/web', 'synced', 'unbound default/web', 'bound default/web', 'synced']);
  assert.equal(workloads.byCgroupId(70n), undefined);
  assert.equal(workloads.byCgroupId(90n)?.initPid, 9);
});

test('workloads: the same id in two runtime namespaces is two workloads', async () => {
  const { workloads } = await replay([synced(running(), running({ runtimeNamespace: 'moby', initPid: 8, cgroup: cgroup(80n) }))]);
  assert.deepEqual(
    workloads.list().map((bound) => bound.key),
    ['default/web', 'moby/web'],
  );
});

test('workloads: namespace by label, labels that change', async () => {
  const labels = { 'kubearmor.io/namespace': 'shop', app: 'web' };
  const { told } = await replay([synced(running({ labels })), { kind: 'updated', container: running({ labels: { app: 'db' } }) }]);
  assert.deepEqual(kinds(told), ['bound default/web', 'synced', 'changed default/web']);
  const changed = told[2];
  assert.ok(changed?.kind === 'changed');
  assert.equal(changed.before.workload.namespace, 'shop');
  assert.equal(changed.now.workload.namespace, 'container_namespace');
  assert.deepEqual(changed.now.workload.labels, { app: 'db' });
});

test('workloads: pods take the labels of their sandbox, in whatever order both arrive', async () => {
  const pod: PodIdentity = { namespace: 'shop', podName: 'web-1', podUid: 'u1', containerName: 'nginx', sandboxId: 's1', isSandbox: false };
  const main = running({ runtimeNamespace: 'k8s.io', id: 'c1', pod, labels: { 'io.kubernetes.pod.name': 'web-1', fromImage: 'x' } });
  const sandbox = running({
    runtimeNamespace: 'k8s.io',
    id: 's1',
    initPid: 6,
    cgroup: cgroup(60n),
    pod: { ...pod, containerName: '', isSandbox: true },
    labels: { app: 'web', 'io.kubernetes.pod.name': 'web-1', 'io.cri-containerd.kind': 'sandbox' },
  });
  for (const changes of [[synced(main, sandbox)], [synced(main), { kind: 'started' as const, container: sandbox }]]) {
    const { workloads } = await replay(changes);
    const bound = workloads.get('k8s.io/c1');
    assert.deepEqual(bound?.workload.labels, { app: 'web' });
    assert.deepEqual([bound.workload.namespace, bound.workload.podName, bound.workload.containerName], ['shop', 'web-1', 'nginx']);
    assert.equal(workloads.get('k8s.io/s1')?.isSandbox, true);
  }
});

test('workloads: in a cluster its word of a pod counts before the sandbox’s, and no label makes a namespace', async () => {
  const pod: PodIdentity = { namespace: 'shop', podName: 'web-1', podUid: 'u1', containerName: 'nginx', sandboxId: 's1', isSandbox: false };
  const main = running({ runtimeNamespace: 'k8s.io', id: 'c1', pod, policyAnnotation: 'audited' });
  const sandbox = running({
    runtimeNamespace: 'k8s.io',
    id: 's1',
    initPid: 6,
    cgroup: cgroup(60n),
    pod: { ...pod, containerName: '', isSandbox: true },
    labels: { app: 'old' },
  });
  const stranger = running({ id: 'x', initPid: 9, cgroup: cgroup(90n), labels: { 'kubearmor.io/namespace': 'shop' } });
  const owner = { kind: 'Deployment', name: 'web', namespace: 'shop' };
  const facts = { labels: { app: 'new' }, policyAnnotation: undefined, visibilityAnnotation: 'file', owner };
  let isKnown = false;
  const settings: WorkloadSettings = {
    posturesOf: () => AUDIT,
    modeOf: ({ policyAnnotation }) => (policyAnnotation === 'audited' ? 'audited' : 'enabled'),
    visibilityOf: ({ visibilityAnnotation }) => (visibilityAnnotation === undefined ? undefined : new Set([visibilityAnnotation])),
    podFacts: ({ podUid }) => (isKnown && podUid === 'u1' ? facts : undefined),
  };
  const { workloads, told } = await replay([synced(main, sandbox, stranger)], settings);
  assert.equal(workloads.get('default/x')?.workload.namespace, 'container_namespace');
  assert.deepEqual([workloads.get('k8s.io/c1')?.workload.labels, workloads.get('k8s.io/c1')?.workload.mode], [{ app: 'old' }, 'audited']);
  isKnown = true;
  told.length = 0;
  workloads.review((container) => container.id === 'x');
  assert.deepEqual(told, []);
  workloads.review((container) => container.pod?.podUid === 'u1');
  assert.deepEqual(kinds(told).toSorted(), ['changed k8s.io/c1', 'changed k8s.io/s1']);
  const { labels, mode, visibility, owner: told1 } = workloads.get('k8s.io/c1')?.workload ?? {};
  assert.deepEqual([labels, mode, visibility, told1], [{ app: 'new' }, 'enabled', new Set(['file']), owner]);
});

test('workloads: other modes and postures tell of those that they change, and of no others', async () => {
  const { workloads, told } = await replay([synced(running(), running({ id: 'db', initPid: 8, cgroup: cgroup(80n) }))]);
  told.length = 0;
  workloads.configure({
    posturesOf: ({ containerName }) => (containerName === 'db' ? BLOCK : AUDIT),
    modeOf: ({ containerName }) => (containerName === 'db' ? 'audited' : 'enabled'),
  });
  assert.deepEqual(kinds(told), ['changed default/db']);
  assert.deepEqual([workloads.get('default/db')?.workload.mode, workloads.get('default/db')?.workload.postures], ['audited', BLOCK]);
});

test('workloads: two containers in one cgroup', async () => {
  const second = running({ id: 'b', initPid: 8 });
  const { workloads } = await replay([synced(running(), second), { kind: 'deleted', container: running() }]);
  assert.equal(workloads.byCgroupId(70n)?.key, 'default/b', 'the other one is left');
});

test('hostWorkload: hostname labels, which the node’s own outrank', () => {
  assert.deepEqual(hostWorkload('n1', { 'kubernetes.io/hostname': 'node-1', zone: 'a' }, AUDIT).labels, {
    'kubernetes.io/hostname': 'node-1',
    'kubearmor.io/hostname': 'n1',
    zone: 'a',
  });
});
