// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dialGrpc, watchFeed } from '#grpc';
import type { Alert } from '#wire';
import { until } from './running.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const KUBEARMOR = join(root, 'kubearmor');
export const KARMOR = join(root, 'karmor');

/** A program of ours and what it wrote. */
class Running {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (text: Buffer) => (this.stdout += text.toString()));
    this.#child.stderr?.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.ended = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @returns its exit code once it ended, at once for signals that end nothing */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return signal === 'SIGSTOP' || signal === 'SIGCONT' ? null : await this.ended;
  }
}

interface ProbeFile {
  readonly enforcer: string;
  readonly status: string;
  readonly reasons: readonly { readonly problem: string; readonly cure: string }[];
  readonly losses: Readonly<Record<string, number>>;
}

/** An agent as a service manager starts it. */
export class Agent extends Running {
  constructor(flags: readonly string[]) {
    super(KUBEARMOR, flags);
  }

  ready(): Promise<void> {
    const isReady = (): boolean => {
      if (!this.isRunning) throw new Error(`the agent ended: ${this.stderr}`);
      return this.stdout.includes('is ready');
    };
    return until('the agent is ready', isReady);
  }

  stop(): Promise<number | null> {
    return this.kill('SIGTERM');
  }

  /** What the agent says of itself in `probe.json`. */
  static probeFile(stateDir: string): ProbeFile | undefined {
    try {
      return JSON.parse(readFileSync(join(stateDir, 'probe.json'), 'utf8')) as ProbeFile;
    } catch {
      return undefined;
    }
  }
}

/** `karmor logs -o json` with all streams, as an operator leaves it running. */
export class AgentClient {
  readonly #running: Running;

  constructor(socket: string) {
    this.#running = new Running(KARMOR, ['logs', '--logFilter', 'all', '--json', '--gRPC', `unix://${socket}`]);
  }

  get stderr(): string {
    return this.#running.stderr;
  }

  get isRunning(): boolean {
    return this.#running.isRunning;
  }

  /** The alerts so far. */
  alerts(): readonly Record<string, unknown>[] {
    return this.records().filter(({ Type }) => Type !== 'ContainerLog');
  }

  /** The telemetry so far, of agents that are asked for it. */
  logs(): readonly Record<string, unknown>[] {
    return this.records().filter(({ Type }) => Type === 'ContainerLog');
  }

  /** Every line has to be JSON, and it has to go on. */
  records(): readonly Record<string, unknown>[] {
    if (!this.isRunning) throw new Error(`karmor logs ended: ${this.stderr}`);
    return this.#running.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  kill(): void {
    void this.#running.kill('SIGKILL');
  }
}

/** Alerts of the stream, from now on. */
export class Alerts {
  readonly seen: Alert[] = [];
  readonly #stop = new AbortController();
  readonly done: Promise<string>;
  readonly #transport;

  constructor(socket: string) {
    this.#transport = dialGrpc({ address: `unix://${socket}` });
    this.done = this.#read();
  }

  async #read(): Promise<string> {
    try {
      for await (const alert of watchFeed(this.#transport, 'alerts', this.#stop.signal)) this.seen.push(alert);
      return 'ended';
    } catch (error) {
      return String(error);
    }
  }

  /** Events that these alerts stand for, and those told of as lost. */
  get delivered(): number {
    return this.seen.reduce((sum, { Count }) => sum + Math.max(1, Count), 0);
  }
  get lost(): number {
    return this.seen.reduce((sum, { LostKernel, LostQueue }) => sum + Number(LostKernel) + Number(LostQueue), 0);
  }

  async until(what: string, matches: (alert: Alert) => boolean): Promise<Alert> {
    const seen = (): string => this.seen.map((a) => `${a.PolicyName} ${a.Operation} ${a.Resource}`).join(', ');
    try {
      await until(what, () => this.seen.some(matches));
    } catch {
      throw new Error(`no alert: ${what}; seen: ${seen()}`);
    }
    return this.seen.find(matches)!;
  }

  close(): void {
    this.#stop.abort();
    this.#transport.close();
  }
}
