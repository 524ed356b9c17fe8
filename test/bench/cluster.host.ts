// SPDX-License-Identifier: Apache-2.0
//
// cluster.host.ts [--part N]: a simulated cluster against a real API server: agents with a fake enforcer, many in a process, the real controller
// and relay. Prints a line of JSON a measure. --part 4: a quarter of everything.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CORE, NODE_REPORTS } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import { ControlPlane } from '../cluster/control-plane.ts';
import { configureWebhooks, CONTROLLER_ACCOUNT, freePort, install, NAMESPACE } from '../cluster/controller-install.ts';
import { Program } from '../cluster/program.ts';
import { RawApi } from '../cluster/raw-api.ts';
import { namespaceNames, nodeNames, plannedPods, plannedPolicy, podObject, WHOLE } from '../cluster/scale/plan.ts';
import type { PlannedNode, Size } from '../cluster/scale/plan.ts';
import { between, byVerb, readRequests } from '../cluster/scale/requests.ts';
import type { Requests } from '../cluster/scale/requests.ts';
import { StatusClock } from '../cluster/scale/status-clock.ts';
import { until } from '../vm/running.ts';
import type { Measure } from './measure.ts';

const ROOT = join(import.meta.dirname, '../..');
const BY = { fieldManager: 'bench' };
const AGENTS_A_PROCESS = 20;
const CALLS_AT_ONCE = 20;
const STEADY_MS = 120_000;
/** After everything is enforced, until nothing that the start caused is left. */
const SETTLE_MS = 60_000;
const PATIENCE_MS = 1_800_000;
const SINGLE = 10;

const print = (what: string, value: number, unit: string, state = ''): void => {
  const measure: Measure = { what, state, value, unit };
  console.log(JSON.stringify(measure));
};
const quantile = (sorted: readonly number[], part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;

/** Many calls, so many at the same time. */
async function eachOf<T>(things: readonly T[], act: (thing: T) => Promise<unknown>): Promise<void> {
  const left = things.values();
  const work = async (): Promise<void> => {
    for (const thing of left) await act(thing);
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, work));
}

/** Resident bytes of a process: now, and the most it ever had. */
function memoryOf(pid: number | undefined): { readonly now: number; readonly most: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
  return { now: mb('VmRSS'), most: mb('VmHWM') };
}

/** Namespaces, nodes and pods; the plan with the pods' uids. */
async function populate(api: KubeApi, size: Size): Promise<PlannedNode[]> {
  const object = (kind: string, name: string): KubeObject => ({ apiVersion: 'v1', kind, metadata: { name } });
  await eachOf(namespaceNames(size), (name) => api.create(CORE.namespaces, object('Namespace', name), BY));
  await eachOf(nodeNames(size), (name) => api.create(CORE.nodes, object('Node', name), BY));
  const nodes = new Map(nodeNames(size).map((name) => [name, { name, pods: [] as PlannedNode['pods'][number][] }]));
  await eachOf(plannedPods(size), async (pod) => {
    const made = await api.create(CORE.pods, podObject(pod), BY);
    nodes.get(pod.node)?.pods.push({ ...pod, uid: made.metadata.uid ?? '' });
  });
  return [...nodes.values()];
}

/** The programs of the simulated cluster. */
class Programs implements AsyncDisposable {
  readonly agents: Program[] = [];
  readonly controller: Program;
  readonly relay: Program;
  readonly folder = mkdtempSync(join(tmpdir(), 'scale-'));
  readonly #plane: ControlPlane;
  readonly #plan: string;
  readonly #nodes: readonly PlannedNode[];

  constructor(plane: ControlPlane, nodes: readonly PlannedNode[], ports: { readonly webhook: number; readonly health: number }) {
    this.#plane = plane;
    this.#nodes = nodes;
    this.#plan = join(this.folder, 'plan.json');
    mkdirSync(join(this.folder, 'nodes'));
    writeFileSync(this.#plan, JSON.stringify(nodes));
    const sockets = nodes.map(({ name }) => join(this.folder, 'nodes', name, 'k.sock'));
    this.controller = this.#program('controller', join(ROOT, 'src/controller/main.ts'), [
      `-namespace=${NAMESPACE}`,
      `-kubeconfig=${plane.kubeconfigOf({ name: CONTROLLER_ACCOUNT })}`,
      `-webhook-port=${ports.webhook}`,
      '-webhook-hosts=localhost',
      `-health-probe-bind-address=127.0.0.1:${ports.health}`,
    ]);
    this.relay = this.#program('relay', join(ROOT, 'test/cluster/scale/relay.child.ts'), sockets);
  }

  /** Agents of these nodes in a process of their own, ready when this resolves. */
  async startAgents(first: number, count: number): Promise<Program> {
    const args = [this.#plan, this.#plane.kubeconfigPath, String(first), String(count), join(this.folder, 'nodes')];
    const program = this.#program(`agents-${first}`, join(ROOT, 'test/cluster/scale/agents.child.ts'), args);
    program.start();
    this.agents.push(program);
    await this.isReady(program);
    return program;
  }

  async startAllAgents(): Promise<void> {
    for (let first = 0; first < this.#nodes.length; first += AGENTS_A_PROCESS) await this.startAgents(first, AGENTS_A_PROCESS);
  }

  async isReady(program: Program): Promise<void> {
    const isReady = (): boolean => {
      program.assertRunning();
      return program.logEnd().includes('ready');
    };
    await until('a program is ready', isReady, PATIENCE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of [...this.agents, this.relay, this.controller]) await program.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #program(name: string, script: string, args: readonly string[]): Program {
    return new Program(process.execPath, [script, ...args], join(this.folder, `${name}.log`));
  }
}

async function requestsOf(plane: ControlPlane): Promise<Requests> {
  using raw = new RawApi(plane.kubeconfigPath);
  const { status, body } = await raw.ask('GET', '/metrics', { accept: 'text/plain' });
  if (status !== 200) throw new Error(`the API server's metrics: it answers ${status}`);
  return readRequests(String(body['text']));
}

function printRequests(state: string, requests: Requests): void {
  for (const [verb, count] of byVerb(requests)) print(`requests ${verb}`, count, '', state);
  for (const [key, count] of requests.counts) console.error(`${state}: ${key}: ${count}`);
  print('bytes of answers', requests.bytes.answers / 1e6, 'MB', state);
  print('bytes of watch events', requests.bytes.events / 1e6, 'MB', state);
}

function printTimes(what: string, times: readonly number[]): void {
  for (const [name, part] of [
    ['p50', 0.5],
    ['p99', 0.99],
    ['most', 1],
  ] as const)
    print(what, quantile(times, part) / 1_000, 's', name);
}

function printMemory({ controller, relay, agents }: Programs, { nodes: count }: Size): void {
  for (const [what, { pid }] of [
    ['controller RSS', controller],
    ['relay RSS', relay],
  ] as const) {
    const { now, most } = memoryOf(pid);
    print(what, now, 'MB');
    print(what, most, 'MB', 'most');
  }
  const all = agents.reduce((sum, { pid }) => sum + memoryOf(pid).now, 0);
  print('agents RSS, each of those in one process', all / count, 'MB');
}

async function printSizes(api: KubeApi): Promise<void> {
  const sizes = (await api.list(NODE_REPORTS, { managedFields: true })).map((report) => JSON.stringify(report).length);
  print('node report, the largest', Math.max(...sizes) / 1024, 'KiB');
}

async function measure(plane: ControlPlane, programs: Programs, size: Size): Promise<void> {
  using api = plane.api();
  await programs.startAllAgents();
  await until('every node reports', async () => (await api.list(NODE_REPORTS)).length >= size.nodes, PATIENCE_MS);
  programs.relay.start();
  await programs.isReady(programs.relay);
  await using clock = new StatusClock(api);
  const policies = Array.from({ length: size.policies }, (_, policy) => plannedPolicy(policy));
  const start = await requestsOf(plane);
  await eachOf(policies, (policy) => clock.create(policy));
  const names = policies.map(({ metadata }) => metadata.name);
  printTimes('policy to Enforced, all at once', await clock.enforced(names, PATIENCE_MS));
  const enforced = await requestsOf(plane);
  printRequests('start', between(start, enforced));
  await sleep(SETTLE_MS);
  const steady = await requestsOf(plane);
  await sleep(STEADY_MS);
  const after = between(steady, await requestsOf(plane));
  printRequests('steady', after);
  print('requests LIST', byVerb(after).get('LIST') ?? 0, '', 'steady');
  for (let i = 0; i < SINGLE; i++) {
    const policy = plannedPolicy(i);
    const again = { ...policy, metadata: { ...policy.metadata, name: `single-${i}` } };
    await clock.create(again);
    await clock.enforced([again.metadata.name], PATIENCE_MS);
  }
  const singles = Array.from({ length: SINGLE }, (_, i) => `single-${i}`);
  printTimes('policy to Enforced, one in a steady cluster', await clock.enforced(singles, 0));
  printMemory(programs, size);
  await printSizes(api);
  const [first] = programs.agents;
  await first?.kill();
  const alone = await programs.startAgents(0, 1);
  await sleep(SETTLE_MS);
  print('agent RSS, alone in its process', memoryOf(alone.pid).now, 'MB');
}

const { part } = parseArgs({ options: { part: { type: 'string', default: '1' } } }).values;
const partOf = (whole: number): number => Math.ceil(whole / Number(part));
const size: Size = { nodes: partOf(WHOLE.nodes), policies: partOf(WHOLE.policies), pods: partOf(WHOLE.pods) };
const bin = execFileSync(join(ROOT, 'tools/kube/build'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
await using plane = await ControlPlane.start(bin);
using admin = plane.api();
await install(admin);
const nodes = await populate(admin, size);
const ports = { webhook: await freePort(), health: await freePort() };
await using programs = new Programs(plane, nodes, ports);
programs.controller.start();
await configureWebhooks(admin, ports.webhook);
await measure(plane, programs, size);
