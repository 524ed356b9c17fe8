// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CORE, NODE_REPORTS, POLICY_KINDS, readConditions } from '#cluster';
import type { NodeReport } from '#cluster';
import type { KubeObject } from '#k8s';
import type { Container } from '#runtimes';
import { containerOf, eventually, FakeContainers, sandboxOf, startClusterAgent } from '../../../src/agent/testing/cluster-agent.ts';
import type { ClusterAgent, SamplePod } from '../../../src/agent/testing/cluster-agent.ts';
import { block, policyObject } from '../../../src/agent/testing/cluster-samples.ts';
import { GuardedEnforcer } from './guarded-enforcer.ts';
import type { Stage } from './stage.ts';

export const BY = { fieldManager: 'test' };
export const KSP = POLICY_KINDS.KubeArmorPolicy;
/** That stand from the beginning to the end of every scenario. */
const STANDING = ['stands-1', 'stands-2', 'stands-3'];
let worlds = 0;

/** Which agent runs. */
interface AgentRun {
  readonly version?: string;
  readonly runId?: string;
}

/** A node, its agent, the controller, a pod and policies that stand; and what has to hold of them at any time. */
export class World implements AsyncDisposable {
  readonly stage: Stage;
  readonly nodeName: string;
  readonly namespace: string;
  readonly enforcer = new GuardedEnforcer();
  readonly containers = new FakeContainers();
  readonly directory = mkdtempSync(join(tmpdir(), 'faults-'));
  /** All that should be there, by name. */
  readonly policies = new Set<string>();
  #agent: ClusterAgent | undefined;
  #controller: AsyncDisposable | undefined;
  #web: Container | undefined;
  #pods = 0;
  #made = 0;

  private constructor(stage: Stage) {
    const number = ++worlds;
    this.stage = stage;
    this.nodeName = `fault-node-${number}`;
    this.namespace = `fault-${number}`;
  }

  /** Everything is there, and says so. */
  static async open(stage: Stage): Promise<World> {
    const world = new World(stage);
    try {
      await world.#begin();
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]().catch(() => {}); // what was first counts
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { api } = this.stage;
    await api.create(CORE.nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: this.nodeName } }, BY);
    for (const name of [this.namespace, 'kubearmor'])
      await api.apply(CORE.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, BY);
    await this.startAgent();
    await this.startController('first');
    for (const name of STANDING) await this.create(name);
    this.#web = await this.startPod();
    await this.isCovered(this.web);
    await this.converges();
  }

  get web(): Container {
    assert.ok(this.#web);
    return this.#web;
  }

  get agent(): ClusterAgent {
    assert.ok(this.#agent);
    return this.#agent;
  }

  async startAgent(over: AgentRun = {}): Promise<void> {
    const { stage, nodeName, containers, directory, enforcer } = this;
    enforcer.handOver();
    const waits = { initTimeoutMs: stage.convergeMs, ...over };
    this.#agent = await startClusterAgent({ api: stage.far, nodeName, containers, directory, enforcer, ...waits });
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.agent.stop();
    this.#agent = undefined;
  }

  async startController(holder: string): Promise<void> {
    this.#controller = await this.stage.startController(holder);
  }

  /** Another runs in place of the one that was stopped. */
  takeController(controller: AsyncDisposable): void {
    this.#controller = controller;
  }

  async stopController(): Promise<void> {
    await this.#controller?.[Symbol.asyncDispose]();
    this.#controller = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent();
    await this.stopController();
    for (const name of this.policies) await this.remove(name);
    await this.stage.api.delete(NODE_REPORTS, { name: this.nodeName });
    await this.stage.api.delete(CORE.nodes, { name: this.nodeName });
    rmSync(this.directory, { recursive: true, force: true });
  }

  async create(name: string): Promise<void> {
    const { namespace } = this;
    await this.stage.api.apply(KSP, policyObject('KubeArmorPolicy', name, { namespace, spec: block('web', `/bin/${name}`) }), BY);
    this.policies.add(name);
  }

  async remove(name: string): Promise<void> {
    await this.stage.api.delete(KSP, { name, namespace: this.namespace });
    this.policies.delete(name);
  }

  /** One policy goes and another comes. */
  async change(): Promise<void> {
    const old = [...this.policies].find((name) => !STANDING.includes(name));
    if (old !== undefined) await this.remove(old);
    await this.create(this.nextName());
  }

  /** Of a policy that comes. */
  nextName(): string {
    return `comes-${++this.#made}`;
  }

  /** A pod that the API server has too. */
  async startPod(): Promise<Container> {
    const { namespace, nodeName } = this;
    const name = `web-${++this.#pods}`;
    const labels = { app: 'web' };
    const spec = { nodeName, containers: [{ name: 'main', image: 'busybox' }] };
    const made = await this.stage.api.apply(CORE.pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels }, spec }, BY);
    return this.#run({ namespace, pod: name, uid: made.metadata.uid ?? '', labels });
  }

  /** A pod that only the runtime has: its kubelet knew of it before. */
  startPodUnseen(): Container {
    const pod = `unseen-${++this.#pods}`;
    return this.#run({ namespace: this.namespace, pod, uid: `uid-${this.nodeName}-${pod}`, labels: { app: 'web' } });
  }

  end(container: Container): void {
    this.enforcer.forget(container.key);
    this.containers.remove(container);
  }

  /** What stands is in force for this container, and has to be so from now on. */
  async isCovered(container: Container): Promise<void> {
    const missing = (): readonly string[] => {
      const rules = this.agent.rules(container) ?? [];
      return STANDING.filter((name) => !rules.includes(name));
    };
    await eventually(missing, (names) => names.length === 0, this.stage.convergeMs);
    this.enforcer.stand(container.key, STANDING);
  }

  async report(): Promise<NodeReport | undefined> {
    return (await this.stage.api.get(NODE_REPORTS, { name: this.nodeName }))?.['status'] as NodeReport | undefined;
  }

  /** The rules in force, the node's report and each policy's status are what the API server's objects say; and nothing was ever lost. */
  async converges(): Promise<void> {
    const { convergeMs } = this.stage;
    const wanted = [...this.policies].toSorted();
    if (this.#web !== undefined) {
      const rules = (): string => (this.agent.rules(this.web) ?? []).join();
      await eventually(rules, (names) => names === wanted.join(), convergeMs);
    }
    const prefix = `ksp/${this.namespace}/`;
    const reported = async (): Promise<string> =>
      Object.keys((await this.report())?.policies ?? {})
        .filter((ref) => ref.startsWith(prefix))
        .map((ref) => ref.slice(prefix.length))
        .toSorted()
        .join();
    await eventually(reported, (names) => names === wanted.join(), convergeMs);
    for (const name of wanted)
      await eventually(
        () => this.enforced(name),
        (word) => word === 'True',
        convergeMs,
      );
    assert.deepEqual(this.enforcer.breaches, []);
  }

  /** `status` of the condition `Enforced`, of the policy's generation now. */
  async enforced(name: string): Promise<string> {
    const found = await this.stage.api.get(KSP, { name, namespace: this.namespace });
    return enforcedOf(found);
  }

  #run(pod: SamplePod): Container {
    const container = containerOf(pod, 'main');
    this.containers.put(sandboxOf(pod), container);
    return container;
  }
}

function enforcedOf(policy: KubeObject | undefined): string {
  const condition = readConditions(policy?.['status']).conditions.find(({ type }) => type === 'Enforced');
  return condition?.observedGeneration === policy?.metadata.generation ? String(condition?.status) : 'of another generation';
}
