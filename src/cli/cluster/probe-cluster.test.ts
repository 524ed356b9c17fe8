// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE, NODE_REPORTS, POLICY_KINDS } from '#cluster';
import type { KubeObject } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { runCli } from '../run-cli.ts';
import { recordingIo, WALL_MS } from '../testing.ts';
import { fakeCluster, ourPod, podOf, policyOf } from './testing-cluster.ts';

const at = (secondsAgo: number): string => new Date(WALL_MS - secondsAgo * 1000).toISOString().replace('Z', '000Z');

function node(name: string, taints: readonly unknown[] = []): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: {} },
    spec: { taints },
    status: { nodeInfo: { kubeletVersion: 'v1.36.0' } },
  };
}

function reportOf(name: string, over: Record<string, unknown> = {}): KubeObject {
  const facts = { kernel: '6.12.0', osImage: 'Debian 13', architecture: 'amd64', runtime: 'containerd 2.1', enforcer: 'bpf', lsm: ['bpf'] };
  const status = {
    agent: { version: '0.1.0', startedAt: '' },
    node: facts,
    state: 'enforcing',
    proof: { since: at(3), images: 2, failed: 0 },
    ...over,
  };
  return { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorNode', metadata: { name }, status };
}

function lease(name: string, secondsAgo: number): KubeObject {
  const metadata = { name: `kubearmor-node-${name}`, namespace: 'kubearmor' };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { renewTime: at(secondsAgo) } };
}

/** Two nodes that enforce, everything ready, one policy. */
function goodCluster(): FakeKubeApi {
  const api = new FakeKubeApi();
  for (const name of ['node1', 'node2']) {
    api.seed(CORE.nodes, node(name));
    api.seed(NODE_REPORTS, reportOf(name));
    api.seed(CORE.leases, lease(name, 4));
    api.seed(CORE.pods, ourPod('kubearmor', `agent-${name}`, { node: name }));
  }
  api.seed(CORE.pods, ourPod('kubearmor-relay', 'relay-1'));
  api.seed(CORE.pods, podOf('shop', 'web-1', { app: 'web' }));
  api.seed(POLICY_KINDS.KubeArmorPolicy, policyOf('shop', 'no-shell', { app: 'web' }));
  return api;
}

async function probe(
  api: FakeKubeApi,
  args = '',
): Promise<{ readonly code: number; readonly out: string; readonly err: readonly string[] }> {
  const { io, out, err } = recordingIo({ cluster: fakeCluster(api) });
  const code = await runCli(`probe ${args}`.trim().split(' '), io);
  return { code, out: out.join('\n'), err };
}

test('karmor probe: a cluster that enforces', async () => {
  const { code, out, err } = await probe(goodCluster());
  assert.deepEqual(err, []);
  assert.equal(code, 0);
  assert.equal(
    out,
    [
      'ENFORCING',
      'Cluster: https://cluster.test, KubeArmor in the namespace kubearmor',
      'Active enforcers: [bpf]',
      'Components:',
      '  NAME             READY  IMAGES',
      '  kubearmor        2/2    kubearmor/kubearmor:0.1.0',
      '  kubearmor-relay  1/1    kubearmor/kubearmor-relay:0.1.0',
      'Nodes:',
      '  NODE   STATE      LAST WORD  ENFORCER  PROVEN  AGENT  KERNEL  RUNTIME',
      '  node1  enforcing  4 s ago    bpf       2 of 2  0.1.0  6.12.0  containerd 2.1',
      '  node2  enforcing  4 s ago    bpf       2 of 2  0.1.0  6.12.0  containerd 2.1',
      'Policies:',
      '  POLICY             EFFECT    WORKLOADS  NODES  WHY',
      '  ksp/shop/no-shell  enforced  1          1/1',
    ].join('\n'),
  );
});

const worse: readonly {
  readonly name: string;
  readonly change: (api: FakeKubeApi) => void;
  readonly verdict: string;
  readonly says: RegExp;
  readonly code?: number;
}[] = [
  {
    name: 'a silent node',
    change: (api) => void api.seed(CORE.leases, lease('node2', 95)),
    verdict: 'DEGRADED',
    says: /node node2: its agent is silent for 95 s\n {4}→ .*compare this machine’s clock/,
  },
  {
    name: 'a node without an agent',
    change: (api) => void api.seed(CORE.nodes, node('node3')),
    verdict: 'DEGRADED',
    says: /node node3: no agent reports of it/,
  },
  {
    name: 'a node that says what is wrong',
    change: (api) =>
      void api.seed(NODE_REPORTS, reportOf('node1', { state: 'degraded', problems: [{ problem: 'no BTF', cure: 'another kernel' }] })),
    verdict: 'DEGRADED',
    says: /node node1: no BTF\n {4}→ another kernel/,
  },
  {
    name: 'no node has an enforcer',
    change: (api) => ['node1', 'node2'].forEach((name) => api.seed(NODE_REPORTS, reportOf(name, { node: { enforcer: '' } }))),
    verdict: 'AUDIT-ONLY',
    says: /AUDIT-ONLY/,
  },
  {
    name: 'a pod that is not ready',
    change: (api) => void api.seed(CORE.pods, ourPod('kubearmor-relay', 'relay-1', { isReady: false })),
    verdict: 'DEGRADED',
    says: /the pod kubearmor\/relay-1 is not ready/,
  },
  {
    name: 'a policy that is refused',
    change: (api) =>
      void api.seed(POLICY_KINDS.KubeArmorPolicy, policyOf('shop', 'bad', {}, { Accepted: ['False', 'Invalid', 'spec.x: no'] })),
    verdict: 'DEGRADED',
    says: /policy ksp\/shop\/bad is refused: spec\.x: no\n {4}→ see `karmor policy status ksp\/shop\/bad`/,
  },
  {
    name: 'all agents silent',
    change: (api) => ['node1', 'node2'].forEach((name) => api.seed(CORE.leases, lease(name, 61))),
    verdict: 'NOT RUNNING',
    says: /silent for 61 s/,
    code: 3,
  },
  {
    name: 'KubeArmor’s own agents',
    change: (api) => api.hide(NODE_REPORTS),
    verdict: 'NOT RUNNING',
    says: /none reports: they are KubeArmor’s own\n.*karmor migrate/,
    code: 3,
  },
  {
    name: 'nodes that may not be listed',
    change: (api) => api.refuseNext(({ plural }) => plural === 'nodes', 'API_REFUSED', 'nodes is forbidden'),
    verdict: 'DEGRADED',
    says: /the nodes cannot be read: nodes is forbidden/,
  },
];
for (const { name, change, verdict, says, code = 1 } of worse) {
  test(`karmor probe: ${name}`, async () => {
    const api = goodCluster();
    change(api);
    const ran = await probe(api);
    assert.equal(ran.out.split('\n')[0], verdict, ran.out);
    assert.match(ran.out, says);
    assert.equal(ran.code, code);
  });
}

test('karmor probe: a cluster without KubeArmor', async () => {
  const api = new FakeKubeApi();
  for (const kind of [NODE_REPORTS, ...Object.values(POLICY_KINDS)]) api.hide(kind);
  const { code, out } = await probe(api);
  assert.equal(code, 3);
  assert.match(out, /^NOT RUNNING\n/);
  assert.match(out, /is it installed\?/);
});

test('karmor probe: the API server is away', async () => {
  const api = goodCluster();
  api.goAway();
  const { code, out, err } = await probe(api);
  assert.equal(code, 3);
  assert.equal(out, '');
  assert.match(err[0] ?? '', /^karmor probe: calling the API server: connection refused/);
});

test('karmor probe --full: what nodes cannot enforce, and where a policy is not in force', async () => {
  const api = goodCluster();
  api.seed(NODE_REPORTS, reportOf('node1', { lacks: [{ construct: 'syscalls', reason: 'no hook' }] }));
  const degraded = policyOf('shop', 'half', {}, { Degraded: ['True', 'RulesNotEnforced', 'spec.syscalls: no hook (1 node)'] });
  const status = degraded['status'] as Record<string, unknown>;
  api.seed(POLICY_KINDS.KubeArmorPolicy, {
    ...degraded,
    status: { ...status, nodeReasons: [{ node: 'node1', reason: 'RulesNotEnforced', message: 'no hook' }] },
  });
  const { out } = await probe(api, '--full');
  assert.match(out, /Node node1:\n {4}Debian 13; kubelet v1\.36\.0; security modules: bpf\n {4}cannot enforce syscalls: no hook/);
  assert.match(out, /ksp\/shop\/half on node1: RulesNotEnforced: no hook/);
});

test('karmor probe: 1,000 policies and 100 nodes are counted, the worst is told first, and it is quick', async () => {
  const api = new FakeKubeApi();
  for (let number = 0; number < 100; number++) {
    const name = `node${number}`;
    api.seed(CORE.nodes, node(name));
    // the last of them are silent, or have no agent
    if (number < 98) api.seed(NODE_REPORTS, reportOf(name));
    api.seed(CORE.leases, lease(name, number < 97 ? 4 : 500));
  }
  const refused = { Accepted: ['False', 'Invalid', 'spec: wrong'] } as const;
  const pending = { Enforced: ['False', 'Pending', 'not yet'] } as const;
  for (let number = 0; number < 1_000; number++) {
    const conditions = number === 999 ? refused : number >= 900 ? pending : {};
    api.seed(POLICY_KINDS.KubeArmorPolicy, policyOf('shop', `p${String(number).padStart(3, '0')}`, { app: 'web' }, conditions));
  }
  const startMs = performance.now();
  const { out } = await probe(api);
  const tookMs = performance.now() - startMs;
  const lines = out.split('\n');
  assert.ok(lines.length < 150, `${lines.length} lines`);
  assert.match(out, /^ {2}- and \d+ more reasons \(all: karmor probe --full\)$/m);
  assert.match(out, /NODE .*\n +node98 +no agent .*\n +node99 +no agent .*\n +node97 +silent /);
  assert.match(out, /^ {2}and 60 more: 60 enforcing \(all: karmor probe --full\)$/m);
  assert.match(out, /POLICY .*\n +ksp\/shop\/p999 +refused .*\n +ksp\/shop\/p900 +pending /);
  assert.match(out, /^ {2}and 960 more: 60 pending, 900 enforced \(all: karmor probe --full\)$/m);
  assert.equal((await probe(api, '--full')).out.match(/^ +ksp\/shop\/p\d+ /gm)?.length, 1_000);
  const json = JSON.parse((await probe(api, '-o json')).out) as { readonly policies: unknown[]; readonly nodes: unknown[] };
  assert.deepEqual([json.policies.length, json.nodes.length], [1_000, 100]);
  assert.ok(tookMs < 20_000, `it took ${tookMs} ms; alone on a machine some 50`);
});

test('karmor probe -o json: names are a contract', async () => {
  const { out } = await probe(goodCluster(), '-o json');
  const report = JSON.parse(out) as { nodes: object[]; policies: object[] } & Record<string, unknown>;
  assert.deepEqual(Object.keys(report), ['schemaVersion', 'verdict', 'reasons', 'cluster', 'components', 'nodes', 'policies']);
  const [first = {}] = report.nodes;
  assert.equal((first as Record<string, unknown>)['lastWordSeconds'], 4);
  assert.equal((report.policies[0] as Record<string, unknown>)['effect'], 'enforced');
});

test('karmor probe -f json: KubeArmor’s fields', async () => {
  const api = goodCluster();
  api.seed(CORE.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', annotations: { 'kubearmor-file-posture': 'block' } },
  });
  const { out } = await probe(api, '-f json');
  const data = (JSON.parse(out) as { 'Probe Data': Record<string, never> })['Probe Data'];
  assert.deepEqual(data['DaemonsetStatus'], { desired: '2', ready: '2', available: '2' });
  assert.deepEqual(Object.keys(data['Nodes'] ?? {}), ['Node1', 'Node2']);
  assert.deepEqual(data['ArmoredPods'], {
    Namespaces: {
      shop: {
        default_posture: { FileAction: 'block', NetworkAction: 'audit', CapabilitiesAction: 'audit' },
        visibility: { file: false, capabilities: false, process: true, network: true },
        pod_list: [{ pod_name: 'web-1', policy: 'ksp/shop/no-shell' }],
      },
    },
  });
});
