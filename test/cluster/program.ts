// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, globSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { until } from '../vm/running.ts';

/** A program of the control plane. It dies with this process, whatever ends that: the kernel sees to it. */
export class Program {
  readonly #name: string;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #logPath: string;
  #child: ChildProcess | undefined;

  /** @param logPath takes all that it prints, of each start */
  constructor(command: string, args: readonly string[], logPath: string) {
    this.#name = command.slice(command.lastIndexOf('/') + 1);
    this.#command = command;
    this.#args = args;
    this.#logPath = logPath;
  }

  /** Undefined where it was never started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @throws {Error} with the end of its log, where it has ended */
  assertRunning(): void {
    if (!this.isRunning) throw new Error(`${this.#name} has ended:\n${this.logEnd()}`);
  }

  logEnd(): string {
    return readFileSync(this.#logPath, 'utf8').slice(-3000);
  }

  start(): void {
    const log = openSync(this.#logPath, 'a');
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', this.#command, ...this.#args], { stdio: ['ignore', log, log] });
    this.#child.on('error', () => {}); // told by `assertRunning`
    closeSync(log);
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning || child.pid === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Holds it: it is there and does not answer. */
  async freeze(): Promise<void> {
    const pid = this.#child?.pid;
    this.#child?.kill('SIGSTOP');
    const states = (): string[] => globSync(`/proc/${pid}/task/*/stat`).map((path) => readFileSync(path, 'utf8').replace(/^.*\) /, ''));
    await until(`${this.#name} is frozen`, () => states().every((state) => state.startsWith('T')));
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }
}

/** Ports of loopback that nobody has now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}
