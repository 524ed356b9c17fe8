// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { probeClient, policyClient, dialGrpc } from '#grpc';
import { REASON_TRAILER } from '#wire';
import type { PolicyStatus } from '#wire';
import { Agent, AgentClient } from './agent-process.ts';
import { Containerd } from './containerd.ts';
import { FORBIDDEN, GUARDED, OPEN, Prober, writeScripts } from './inside.ts';
import { KernelState } from './kernel-state.ts';
import { run, until } from './running.ts';
import type { Ran } from './running.ts';

const OBJECT = fileURLToPath(new URL('../../.cache/bpf/kubearmor.bpf.o', import.meta.url));

/** How often a case does what it does. */
export interface Counts {
  /** Containers that do at once what they may not. */
  readonly starts: { readonly fleet: number; readonly containerd: number };
  /** Containers that live for milliseconds, under two opposite policies. */
  readonly shortLived: { readonly fleet: number; readonly containerd: number };
}
const REDUCED: Counts = { starts: { fleet: 24, containerd: 4 }, shortLived: { fleet: 80, containerd: 0 } };
const STATED: Counts = { starts: { fleet: 150, containerd: 50 }, shortLived: { fleet: 1_900, containerd: 100 } };

/** The smallest ring that the agent takes: what a test wants to see delivered it has to ask for slowly. */
const RING_BYTES = 4096;
/** Files of one folder, for refusals of that many distinct objects. */
export const DISTINCT_FILES = 1_000;

export interface VmCase {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

/** Rules of the container `web` that hold from the second case to the last: what `probe` tries is refused by them. */
const GUARD = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: guard}
spec:
  selector: {matchLabels: {app: web}}
  file:
    matchPaths: [{path: ${GUARDED}}]
    matchDirectories: [{dir: /data/, recursive: true}]
  process:
    matchPaths: [{path: ${FORBIDDEN}}]
    matchDirectories: [{dir: /data/, recursive: true}]
`;

/**
 * What the cases share: one containerd, a container `web` with a process that tries what is forbidden, a small disk, and one
 * agent after the other.
 */
export class Stage {
  readonly counts: Counts;
  readonly home = mkdtempSync(join(tmpdir(), 'agent-vm-'));
  /** A tmpfs with everything that the agent writes. */
  readonly disk = join(this.home, 'disk');
  readonly policies = join(this.disk, 'policies');
  readonly stateDir = join(this.disk, 'state');
  readonly jsonLog = join(this.disk, 'log.json');
  readonly bpfFs = join(this.home, 'bpf');
  readonly socket = join(this.home, 'k.sock');
  readonly rootfs = join(this.home, 'rootfs');
  readonly containerd = new Containerd(this.home, this.rootfs);
  readonly prober = new Prober(this.rootfs);
  readonly kernel = new KernelState(join(this.bpfFs, 'kubearmor'));
  /** The programs of all agents here, also when others are built meanwhile. */
  readonly #object = join(this.home, 'kubearmor.bpf.o');
  /** Figures worth a line in the end. */
  readonly figures: string[] = [];
  readonly clients: AgentClient[] = [];
  agent: Agent | undefined;
  /** Whether what `probe` tries must be refused now. */
  isGuarded = false;

  /** @param isFull the stated counts, not those of every run */
  constructor(isFull = false) {
    this.counts = isFull ? STATED : REDUCED;
  }

  async open(): Promise<void> {
    for (const directory of [this.disk, this.bpfFs]) mkdirSync(directory);
    copyFileSync(OBJECT, this.#object);
    await run('mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', this.disk);
    for (const directory of [this.policies, this.stateDir]) mkdirSync(directory);
    this.#makeRootfs();
    await this.containerd.start();
    await this.containerd.run('web', '/bin/ash', '/tmp/prober.sh');
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.kill();
    await this.agent?.kill('SIGKILL');
    await this.containerd.end();
    for (const directory of [this.disk, this.bpfFs]) await run('umount', '-l', directory);
    rmSync(this.home, { recursive: true, force: true });
  }

  /** The flags of every agent here. */
  flags(over: Readonly<Record<string, string>> = {}): string[] {
    const flags = {
      policyDir: this.policies,
      socket: this.socket,
      stateDir: this.stateDir,
      bpfFsPath: this.bpfFs,
      criSocket: `unix://${this.containerd.socket}`,
      alertRingBytes: String(RING_BYTES),
      logPath: this.jsonLog,
      visibility: 'none',
      proofEvery: '0', // cases count alerts, bindings and images; those of `proof` ask for it
      bpfObject: this.#object,
      ...over,
    };
    return Object.entries(flags).map(([key, value]) => `-${key}=${value}`);
  }

  /** Starts an agent and waits until it is ready. @returns milliseconds that took */
  async start(over: Readonly<Record<string, string>> = {}): Promise<number> {
    const startMs = performance.now();
    this.agent = new Agent(this.flags(over));
    await this.agent.ready();
    return performance.now() - startMs;
  }

  async ensureAgent(): Promise<Agent> {
    if (this.agent?.isRunning !== true) await this.start();
    return this.agent!;
  }

  /** The agent, the rules of GUARD in force, and a probe that is refused. */
  async ensureGuarded(): Promise<Agent> {
    const agent = await this.ensureAgent();
    if (!this.isGuarded) {
      writeFileSync(join(this.policies, 'guard.yaml'), GUARD);
      await until('the guard is in force', async () => (await this.prober.ask()).refused === 'open exec');
      this.isGuarded = true;
    }
    return agent;
  }

  /** What is forbidden is refused, and what is not is not. */
  async probe(): Promise<void> {
    assert.deepEqual(await this.prober.ask(), { refused: 'open exec', passed: 'open exec' }, 'a probe access');
  }

  /** `karmor logs` that runs all the time, over the lives of agents. */
  ensureClient(): AgentClient {
    const [first = new AgentClient(this.socket)] = this.clients;
    if (this.clients.length === 0) this.clients.push(first);
    return first;
  }

  /** Puts a whole file into the folder at once. @returns its path */
  writePolicy(name: string, content: string | Uint8Array): string {
    const path = join(this.policies, name);
    writeFileSync(`${path}~`, content);
    renameSync(`${path}~`, path);
    return path;
  }

  /** What the agent says of a file that was just written. */
  async problemOf(path: string): Promise<string> {
    const told = (): string | undefined => this.agent?.stderr.split('\n').findLast((line) => line.includes(`ERROR ${path}: `));
    await until(`a problem of ${path}`, () => told() !== undefined);
    return told() ?? '';
  }

  /** Why not everything is enforced, as `probe.json` has it. */
  reasons(): readonly string[] {
    return Agent.probeFile(this.stateDir)?.reasons.map(({ problem }) => problem) ?? [];
  }

  /** Sends a request of `policy.PolicyService`. */
  async send(type: string, object: unknown): Promise<{ readonly status: PolicyStatus; readonly reason: string }> {
    return await this.sendBytes(Buffer.from(JSON.stringify({ type, object })));
  }

  async sendBytes(policy: Buffer): Promise<{ readonly status: PolicyStatus; readonly reason: string }> {
    using transport = dialGrpc({ address: `unix://${this.socket}`, callTimeoutMs: 180_000 });
    let reason = '';
    const onTrailer = (trailer: Headers): void => void (reason = decodeURIComponent(trailer.get(REASON_TRAILER) ?? ''));
    const { status } = await policyClient(transport).containerPolicy({ policy: new Uint8Array(policy) }, { onTrailer });
    return { status, reason };
  }

  async policiesOf(container: string): Promise<readonly string[]> {
    using transport = dialGrpc({ address: `unix://${this.socket}` });
    return (await probeClient(transport).getProbeData({})).containerMap[container]?.policyList.toSorted() ?? [];
  }

  inside(...command: readonly string[]): Promise<Ran> {
    return this.prober.run(...command);
  }

  /** `sh`, `touch` and `forbidden` are programs of their own, copies: what links to busybox mean is the kernel cases' matter. */
  #makeRootfs(): void {
    for (const name of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc', 'data']) mkdirSync(join(this.rootfs, name), { recursive: true });
    for (const name of ['busybox', 'ash', 'sh', 'touch']) copyFileSync('/bin/busybox', join(this.rootfs, 'bin', name));
    copyFileSync('/bin/busybox', join(this.rootfs, FORBIDDEN));
    for (const applet of ['sleep', 'true', 'cat', 'mkfifo', 'nc', 'ping']) symlinkSync('busybox', join(this.rootfs, 'bin', applet));
    for (const file of ['etc/secret', GUARDED, OPEN]) writeFileSync(join(this.rootfs, file), 'secret\n');
    for (let i = 0; i <= DISTINCT_FILES; i++) writeFileSync(join(this.rootfs, 'data', String(i)), '');
    writeScripts(this.rootfs);
  }
}
