// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noLogger } from '#base';
import type { Logger } from '#base';
import { Feed } from '#grpc';
import type { KubeApi } from '#k8s';
import type { RuleInfo } from '#policy';
import type { Container, ContainerChange, ContainerSource } from '#runtimes';
import { sampleContainer } from '#runtimes/testing';
import { startAgent } from '../agent.ts';
import type { RunningAgent } from '../agent.ts';
import { readConfig } from '../config.ts';
import { CacheFile } from '../kube/cache.ts';
import { CANARY_KEY } from '../proof/prover.ts';
import { RuntimeSource } from '../runtime-source.ts';
import { FakeCanary } from './fake-canary.ts';
import { FakeEnforcer } from './fake-enforcer.ts';
import { plainRoot } from './samples.ts';

/** Containers that come and go as a test says. */
export class FakeContainers implements ContainerSource {
  readonly #containers = new Map<string, Container>();
  readonly #changes: ContainerChange[] = [];
  #wake = Promise.withResolvers<void>();

  claim(): Promise<'unknown'> {
    return Promise.resolve('unknown');
  }
  list(): Promise<readonly Container[]> {
    return Promise.resolve([...this.#containers.values()]);
  }
  put(...containers: readonly Container[]): void {
    for (const container of containers) {
      this.#containers.set(container.key, container);
      this.#tell({ kind: container.status === 'created' ? 'prepared' : 'started', container });
    }
  }
  remove(container: Container): void {
    this.#containers.delete(container.key);
    this.#tell({ kind: 'deleted', container });
  }
  async *watch(signal: AbortSignal): AsyncGenerator<ContainerChange> {
    signal.addEventListener('abort', () => this.#wake.resolve(), { once: true });
    this.#changes.length = 0;
    yield { kind: 'synced', containers: [...this.#containers.values()], gapMs: 0 };
    while (!signal.aborted) {
      const change = this.#changes.shift();
      if (change === undefined) {
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      } else yield change;
    }
  }
  #tell(change: ContainerChange): void {
    this.#changes.push(change);
    this.#wake.resolve();
  }
}

export interface SamplePod {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  /** As they were when the pod was made. */
  readonly labels?: Readonly<Record<string, string>>;
}

let lastPid = 1_000;

function process(): Pick<Container, 'initPid' | 'cgroup' | 'cgroupPath'> {
  const pid = ++lastPid;
  return {
    initPid: pid,
    cgroupPath: `/c/${pid}`,
    cgroup: { id: BigInt(pid), path: `/c/${pid}`, directory: `/sys/fs/cgroup/c/${pid}`, version: 2 },
  };
}

/** What containerd has of a pod's sandbox. */
export function sandboxOf({ namespace, pod, uid, labels = {} }: SamplePod): Container {
  const id = `sandbox-${uid}`;
  const identity = { namespace, podName: pod, podUid: uid, containerName: '', sandboxId: id, isSandbox: true };
  return sampleContainer({
    key: `k8s.io/${id}`,
    id,
    runtimeNamespace: 'k8s.io',
    name: id,
    labels,
    pod: identity,
    status: 'running',
    ...process(),
  });
}

/** What containerd has of a container of a pod. */
export function containerOf({ namespace, pod, uid }: SamplePod, name: string, over: Partial<Container> = {}): Container {
  const id = `${name}-${uid}`;
  const identity = { namespace, podName: pod, podUid: uid, containerName: name, sandboxId: `sandbox-${uid}`, isSandbox: false };
  return sampleContainer({
    key: `k8s.io/${id}`,
    id,
    runtimeNamespace: 'k8s.io',
    name,
    pod: identity,
    status: 'running',
    ...process(),
    ...over,
  });
}

export interface ClusterAgentOptions {
  readonly api: KubeApi;
  readonly nodeName: string;
  readonly containers?: FakeContainers;
  readonly enforcer?: FakeEnforcer;
  readonly flags?: readonly string[];
  /** Where an agent before kept its state; absent: a new folder. */
  readonly directory?: string;
  readonly initTimeoutMs?: number;
  readonly logger?: Logger;
  /** Default: 9.9.9. */
  readonly version?: string;
  /** Of this run among others, for EventIDs. Default: r. */
  readonly runId?: string;
}

export interface ClusterAgent {
  readonly agent: RunningAgent;
  readonly enforcer: FakeEnforcer;
  readonly containers: FakeContainers;
  readonly directory: string;
  readonly socket: string;
  /** One line an alert. */
  readonly lines: string[];
  /** The policies whose rules are in force for a container, as `name`, sorted; undefined where it is not bound. */
  readonly rules: (container: Pick<Container, 'key'> | 'host') => readonly string[] | undefined;
  /** Stops it and removes its folder. */
  readonly end: () => Promise<void>;
}

/** The agent's own composition in a cluster, without a kernel and a container runtime. */
export async function startClusterAgent(options: ClusterAgentOptions): Promise<ClusterAgent> {
  const { api, nodeName, containers = new FakeContainers(), enforcer = new FakeEnforcer(), logger = noLogger } = options;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'cluster-agent-'));
  const socket = join(directory, 'k.sock');
  const argv = [`-policyDir=${directory}/policies`, `-socket=${socket}`, `-stateDir=${directory}`, '-k8s', ...(options.flags ?? [])];
  const result = readConfig({ argv, env: {}, readFile: () => undefined });
  assert.ok('config' in result, JSON.stringify(result));
  const lines: string[] = [];
  const agent = await startAgent({
    config: result.config,
    cluster: {
      api,
      nodeName,
      namespace: 'kubearmor',
      initTimeoutMs: options.initTimeoutMs ?? 10_000,
      cache: new CacheFile(join(directory, 'cluster.json'), nodeName, logger),
      lsm: ['capability', 'bpf'],
      architecture: 'amd64',
    },
    enforcer,
    runtime: new RuntimeSource({ socket: '/none', logger: noLogger, open: () => containers }),
    feed: new Feed({ runId: options.runId ?? 'r' }),
    names: { clusterName: 'default', hostName: nodeName, nodeId: 'id', version: options.version ?? '9.9.9', wallClock: () => new Date(0) },
    host: { kernelRelease: '6.12', osImage: 'Linux' },
    peerCredentials: () => ({ pid: 1, uid: 0, gid: 0 }),
    lines: { write: (line) => void lines.push(line), close: () => {}, lost: 0 },
    json: undefined,
    toldLosses: { load: () => ({ alerts: 0n, logs: 0n }), save: () => {} },
    logger,
    canary: new FakeCanary({
      ruleSet: () => enforcer.protected.get(CANARY_KEY)?.ruleSet,
      scopeId: () => enforcer.scopeOf(CANARY_KEY),
      tell: (event) => enforcer.emit(event),
    }),
    kubearmorProbePath: join(directory, 'karmorProbeData.cfg'),
    openRoot: plainRoot,
  });
  return {
    agent,
    enforcer,
    containers,
    directory,
    socket,
    lines,
    rules: (container) => rulesOf(enforcer, container === 'host' ? 'host' : container.key),
    end: async () => {
      await agent.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function rulesOf(enforcer: FakeEnforcer, key: string): readonly string[] | undefined {
  const options = enforcer.protected.get(key);
  const rules: readonly RuleInfo[] = options?.ruleSet?.rules ?? [];
  return options === undefined ? undefined : [...new Set(rules.map(({ policy }) => policy))].toSorted();
}

/** Waits until something holds, for ten seconds. */
export async function eventually<T>(look: () => T | Promise<T>, holds: (value: T) => boolean, withinMs = 10_000): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (performance.now() > deadlineMs) assert.fail(`not in time: ${JSON.stringify(value)} for ${holds.toString()}`);
    await sleep(10);
  }
}
