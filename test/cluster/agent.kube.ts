// SPDX-License-Identifier: Apache-2.0
// The agent's own composition, without a kernel and a container runtime, against a real API server.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGENT_CLUSTER_RULES, AGENT_NAMESPACE_RULES, CORE, NODE_REPORTS, nodeLeaseName, POLICY_KINDS } from '#cluster';
import type { NodeReport, PolicyReport } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import type { PolicyKind } from '#policy';
import type { Container } from '#runtimes';
import { containerOf, eventually, FakeContainers, sandboxOf, startClusterAgent } from '../../src/agent/testing/cluster-agent.ts';
import type { ClusterAgent, SamplePod } from '../../src/agent/testing/cluster-agent.ts';
import { block, policyObject } from '../../src/agent/testing/cluster-samples.ts';
import type { ControlPlane } from './control-plane.ts';
import { grant } from './grant.ts';
import type { ClusterCase, ClusterSuite } from './suite.ts';

const BY = { fieldManager: 'test' };
const CRDS = join(import.meta.dirname, '../../api/crd');
const KSP = POLICY_KINDS.KubeArmorPolicy;
/** What a busy machine may take for a change to arrive. */
const LATE_MS = 30_000;

/** One node and its agent. */
class Node implements AsyncDisposable {
  readonly api: KubeApi & Disposable;
  readonly name: string;
  readonly namespace: string;
  readonly containers = new FakeContainers();
  readonly directory = mkdtempSync(join(tmpdir(), 'cluster-agent-'));
  readonly #plane: ControlPlane;
  #agent: ClusterAgent | undefined;
  static #count = 0;

  private constructor(plane: ControlPlane) {
    const number = ++Node.#count;
    this.#plane = plane;
    this.api = plane.api();
    this.name = `node-${number}`;
    this.namespace = `shop-${number}`;
  }

  static async start(plane: ControlPlane, flags: readonly string[] = []): Promise<Node> {
    const node = new Node(plane);
    await installCrds(plane);
    const labels = { zone: node.name };
    await node.api.create(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: node.name, labels } }, BY);
    for (const name of [node.namespace, 'kubearmor'])
      await node.api.apply(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, BY);
    await node.startAgent(flags);
    return node;
  }

  get agent(): ClusterAgent {
    assert.ok(this.#agent);
    return this.#agent;
  }

  async startAgent(flags: readonly string[] = [], api: KubeApi = this.api): Promise<void> {
    const { name: nodeName, containers, directory } = this;
    this.#agent = await startClusterAgent({ api, nodeName, containers, directory, flags, initTimeoutMs: LATE_MS });
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.agent.stop();
    this.#agent = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent();
    this.api[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A pod of this node with its containers, as the API server and the runtime have them. */
  async pod(pod: string, labels: Readonly<Record<string, string>>): Promise<SamplePod> {
    const { namespace } = this;
    const spec = { nodeName: this.name, containers: [{ name: 'main', image: 'busybox' }] };
    const made = await this.api.create(CORE.pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: pod, namespace, labels }, spec }, BY);
    return { namespace, pod, uid: made.metadata.uid ?? '', labels };
  }

  /** The pod `web`, and its container `main`, which runs. */
  async web(app = 'web'): Promise<{ readonly web: SamplePod; readonly main: Container }> {
    const web = await this.pod('web', { app });
    const main = containerOf(web, 'main');
    this.containers.put(sandboxOf(web), main);
    return { web, main };
  }

  ksp(name: string, spec: object): KubeObject {
    return policyObject('KubeArmorPolicy', name, { namespace: this.namespace, spec });
  }

  async create(kind: PolicyKind, name: string, spec: object): Promise<void> {
    await this.api.create(POLICY_KINDS[kind], policyObject(kind, name, { spec }), BY);
  }

  ref(name: string): { readonly name: string; readonly namespace: string } {
    return { name, namespace: this.namespace };
  }

  /** Waits until a container is under the rules of these policies. */
  async isUnder(container: Parameters<ClusterAgent['rules']>[0], ...policies: readonly string[]): Promise<void> {
    const now = (): string => (this.agent.rules(container) ?? []).join();
    await eventually(now, (names) => names === policies.toSorted().join(), LATE_MS);
  }

  async report(holds: (report: NodeReport) => boolean): Promise<NodeReport> {
    const look = async (): Promise<NodeReport | undefined> =>
      (await this.api.get(NODE_REPORTS, { name: this.name }))?.['status'] as NodeReport | undefined;
    const report = await eventually(look, (one) => one !== undefined && holds(one), LATE_MS);
    assert.ok(report);
    return report;
  }

  async says(policy: string, holds: (report: PolicyReport) => boolean): Promise<PolicyReport> {
    const of = ({ policies }: NodeReport): PolicyReport | undefined => policies?.[policy];
    const report = of(await this.report((one) => holds(of(one) ?? { generation: 0 })));
    return report ?? { generation: 0 };
  }

  kubectl(...args: readonly string[]): ReturnType<ControlPlane['kubectl']> {
    return this.#plane.kubectl(...args);
  }
}

const installed = new WeakSet<ControlPlane>();

async function installCrds(plane: ControlPlane): Promise<void> {
  if (installed.has(plane)) return;
  await plane.kubectl('apply', '--server-side', '-f', CRDS);
  await plane.kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  installed.add(plane);
}

const lifeOfAPolicy = async (plane: ControlPlane): Promise<void> => {
  await using node = await Node.start(plane);
  const { main } = await node.web();
  await node.api.create(KSP, node.ksp('p', block('web')), BY);
  await node.isUnder(main, 'p');
  const ref = `ksp/${node.namespace}/p`;
  assert.deepEqual(await node.says(ref, ({ workloads }) => workloads === 1), { generation: 1, workloads: 1 });
  await node.api.patch(KSP, node.ref('p'), { spec: { process: { matchPaths: [{ path: 'not-a-path' }] } } }, BY);
  const refused = await node.says(ref, ({ state }) => state === 'Refused');
  assert.deepEqual([refused.generation, refused.inForce, refused.reasons?.[0]?.rule], [2, 1, 'spec.process.matchPaths[0].path']);
  await node.isUnder(main, 'p');
  await node.api.patch(KSP, node.ref('p'), { spec: block('web', '/bin/cat') }, BY);
  await node.says(ref, ({ generation, state }) => generation === 3 && state === undefined);
  await node.api.delete(KSP, node.ref('p'));
  await node.isUnder(main);
  await node.report(({ policies }) => policies?.[ref] === undefined);
};

const everyKind = async (plane: ControlPlane): Promise<void> => {
  await using node = await Node.start(plane, ['-enableKubeArmorHostPolicy']);
  const { main } = await node.web(node.name);
  const nodeSelector = { matchLabels: { zone: node.name } };
  const app = { matchLabels: { app: node.name } };
  await node.api.create(KSP, node.ksp('same', block(node.name)), BY);
  await node.create('KubeArmorClusterPolicy', 'same', block(node.name, '/bin/c'));
  await node.create('KubeArmorHostPolicy', 'same', { nodeSelector, process: { matchPaths: [{ path: '/bin/h' }] }, action: 'Block' });
  const tcp = { matchProtocols: [{ protocol: 'tcp', port: 25, direction: 'egress' }] };
  await node.create('KubeArmorNetworkPolicy', 'same', { selector: app, network: tcp, action: 'Block' });
  const egress = [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ protocol: 'TCP', port: '25' }] }];
  await node.create('KubeArmorNetworkPolicy', 'firewall', { nodeSelector, egress, action: 'Block' });
  const kinds = (key: string): string => (node.agent.enforcer.protected.get(key)?.ruleSet?.rules ?? []).map(({ kind }) => kind).join();
  const all = 'KubeArmorClusterPolicy,KubeArmorPolicy,KubeArmorNetworkPolicy';
  await eventually(
    () => kinds(main.key),
    (text) => text === all,
    LATE_MS,
  );
  await eventually(
    () => kinds('host'),
    (text) => text === 'KubeArmorHostPolicy',
    LATE_MS,
  );
  await node.says('csp/same', ({ workloads }) => workloads === 1);
  await node.says('hsp/same', ({ workloads }) => workloads === 1);
  await node.says('nsp/same', ({ workloads }) => workloads === 1);
  const idle = await node.says('nsp/firewall', ({ state }) => state === 'Degraded');
  assert.deepEqual([idle.workloads, idle.inForce, idle.reasons?.[0]?.code], [1, 0, 'NotEnforced']);
  for (const kind of ['KubeArmorClusterPolicy', 'KubeArmorNetworkPolicy'] as const)
    await node.api.delete(POLICY_KINDS[kind], { name: 'same' });
  await eventually(
    () => kinds(main.key),
    (text) => text === 'KubeArmorPolicy',
    LATE_MS,
  );
  await node.api.patch(CORE.nodes, { name: node.name }, { metadata: { labels: { zone: 'other' } } }, BY);
  await node.isUnder('host');
  await node.api.delete(POLICY_KINDS.KubeArmorHostPolicy, { name: 'same' });
  await node.api.delete(POLICY_KINDS.KubeArmorNetworkPolicy, { name: 'firewall' });
};

const podsThatChange = async (plane: ControlPlane): Promise<void> => {
  await using node = await Node.start(plane);
  const first = await node.pod('web', { app: 'web' });
  const [main, init] = [containerOf(first, 'main'), containerOf(first, 'setup', { status: 'created' })];
  node.containers.put(sandboxOf(first), main, init);
  await node.api.create(KSP, node.ksp('web-only', block('web')), BY);
  await node.api.create(KSP, node.ksp('db-only', block('db')), BY);
  const named = { matchLabels: { app: 'db', 'kubearmor.io/container.name': '[debugger]' } };
  await node.api.create(KSP, node.ksp('named', { selector: named, process: { matchPaths: [{ path: '/x' }] }, action: 'Block' }), BY);
  await node.isUnder(main, 'web-only');
  await node.isUnder(init, 'web-only');
  await node.api.patch(CORE.pods, node.ref('web'), { metadata: { labels: { app: 'db' } } }, BY);
  await node.isUnder(main, 'db-only');
  const ephemeral = containerOf(first, 'debugger');
  node.containers.put(ephemeral);
  await node.isUnder(ephemeral, 'db-only', 'named');
  await node.kubectl('delete', 'pod', '-n', node.namespace, 'web', '--grace-period=0', '--force');
  const second = await node.pod('web', { app: 'web' });
  assert.notEqual(second.uid, first.uid);
  const anew = containerOf(second, 'main', { status: 'created' });
  node.containers.put(sandboxOf(second), anew);
  await node.isUnder(anew, 'web-only');
  await node.isUnder(main, 'db-only');
};

const settings = async (plane: ControlPlane): Promise<void> => {
  await using node = await Node.start(plane);
  const { main } = await node.web();
  const now = (): string => {
    const { mode, visibility } = node.agent.enforcer.protected.get(main.key) ?? {};
    return `${mode} ${visibility?.process} ${visibility?.file}`;
  };
  const reaches = (wanted: string): Promise<string> => eventually(now, (text) => text === wanted, LATE_MS);
  await reaches('enabled true true');
  const annotate = (annotations: Readonly<Record<string, string | null>>): Promise<KubeObject> =>
    node.api.patch(CORE.namespaces, { name: node.namespace }, { metadata: { annotations } }, BY);
  await annotate({ 'kubearmor-visibility': 'process' });
  await reaches('enabled true false');
  await annotate({ 'kubearmor-visibility': 'screens' });
  const text = ({ problems }: NodeReport): string => JSON.stringify(problems ?? []);
  assert.equal((await node.report((report) => text(report).includes('screens'))).state, 'enforcing');
  await annotate({ 'kubearmor-visibility': null });
  await reaches('enabled true true');
  const config = (data: Readonly<Record<string, string>>): Promise<KubeObject> =>
    node.api.apply(
      CORE.configMaps,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubearmor-config', namespace: 'kubearmor' }, data },
      BY,
    );
  await config({ visibility: 'none' });
  await reaches('enabled false false');
  await config({ visibility: 'screens' });
  await node.report((report) => text(report).includes('kubearmor-config: visibility'));
  await reaches('enabled false false');
  await node.api.patch(CORE.pods, node.ref('web'), { metadata: { annotations: { 'kubearmor-policy': 'audited' } } }, BY);
  await reaches('audited false false');
  await node.api.delete(CORE.configMaps, { name: 'kubearmor-config', namespace: 'kubearmor' });
  await reaches('audited true true');
};

const reportAndLease = async (plane: ControlPlane): Promise<void> => {
  await using node = await Node.start(plane);
  await node.report(({ state }) => state === 'enforcing');
  const [object, owner] = [await node.api.get(NODE_REPORTS, { name: node.name }), await node.api.get(CORE.nodes, { name: node.name })];
  assert.equal(object?.metadata.ownerReferences?.[0]?.uid, owner?.metadata.uid);
  const name = nodeLeaseName(node.name);
  const lease = await eventually(
    () => node.api.get(CORE.leases, { namespace: 'kubearmor', name }),
    (one) => one !== undefined,
    LATE_MS,
  );
  assert.match(JSON.stringify(lease?.['spec']), new RegExp(`"holderIdentity":"${node.name}"`));
  await node.api.delete(NODE_REPORTS, { name: node.name });
  await node.api.create(KSP, node.ksp('p', block('web')), BY);
  await node.report(({ policies }) => policies?.[`ksp/${node.namespace}/p`]?.generation === 1);
};

const serverAway = async (plane: ControlPlane): Promise<void> => {
  await using node = await Node.start(plane);
  const { web, main } = await node.web();
  await node.api.create(KSP, node.ksp('p', block('web')), BY);
  await node.isUnder(main, 'p');
  const cached = (): string => readFileSync(join(node.directory, 'cluster.json'), { encoding: 'utf8', flag: 'a+' });
  await eventually(cached, (text) => text.includes('"name":"p"') && text.includes(web.uid), LATE_MS);
  await plane.apiServer.kill();
  const probe = (): string => readFileSync(join(node.directory, 'probe.json'), { encoding: 'utf8', flag: 'a+' });
  await eventually(probe, (text) => /the API server cannot be followed since/.test(text), LATE_MS);
  assert.deepEqual(node.agent.rules(main), ['p']);
  await node.stopAgent();
  await node.startAgent();
  assert.deepEqual(node.agent.rules(main), ['p'], 'an agent that starts meanwhile enforces what was known');
  const late = containerOf({ ...web, pod: 'late', uid: 'late' }, 'main', { status: 'created' });
  node.containers.put(sandboxOf({ ...web, pod: 'late', uid: 'late' }), late);
  await node.isUnder(late, 'p');
  await plane.startApiServer();
  await eventually(probe, (text) => !text.includes('cannot be followed'), 2 * LATE_MS);
  await node.api.delete(KSP, node.ref('p'));
  await node.isUnder(main);
};

const leastAccess = async (plane: ControlPlane): Promise<void> => {
  await using node = await Node.start(plane);
  await node.stopAgent();
  const lease = { namespace: 'kubearmor', name: nodeLeaseName(node.name) };
  await node.api.delete(NODE_REPORTS, { name: node.name });
  await node.api.delete(CORE.leases, lease);
  await grant(node.api, { name: 'agent', user: 'agent' }, { cluster: AGENT_CLUSTER_RULES, namespace: AGENT_NAMESPACE_RULES });
  using api = plane.api({ user: { name: 'agent' } });
  await node.startAgent([], api);
  const { main } = await node.web();
  await node.api.create(KSP, node.ksp('p', block('web')), BY);
  await node.isUnder(main, 'p');
  const { state, problems } = await node.report(({ policies }) => policies?.[`ksp/${node.namespace}/p`]?.workloads === 1);
  assert.deepEqual([state, problems], ['enforcing', undefined]);
  await eventually(
    () => node.api.get(CORE.leases, lease),
    (one) => one !== undefined,
    LATE_MS,
  );
  await node.stopAgent();
};

const CASES: readonly ClusterCase[] = [
  { name: 'a policy is made, refused, changed, deleted', run: lifeOfAPolicy },
  { name: 'every kind, of one name', run: everyKind },
  { name: 'labels change, containers join, a pod is made anew', run: podsThatChange },
  { name: 'annotations and the ConfigMap, live', run: settings },
  { name: 'the report and the Lease', run: reportAndLease },
  { name: 'with no more access than it needs', run: leastAccess },
  { name: 'the API server is away and comes back', run: serverAway },
];

export const SUITE: ClusterSuite = { cases: CASES };
