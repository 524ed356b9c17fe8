// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import { NODE_ADDRESS, TAP } from './network.ts';

const ROOT = join(import.meta.dirname, '../..');
const LIFE_S = 4 * 3600;
/** A guest on a busy machine is slow, and imports images first. */
const START_MS = 600_000;

/** The kernel that enforces, with a node on it. */
export class Guest implements AsyncDisposable {
  readonly #logPath: string;
  #process: ChildProcess | undefined;

  /** @param folder what guest-init wants; console and log go there too */
  constructor(folder: string) {
    this.#logPath = join(folder, 'guest.log');
  }

  start(folder: string, kernel: string): void {
    const log = openSync(this.#logPath, 'a');
    const options = ['--kernel', kernel, '--mem', '3G', '--timeout', String(LIFE_S), '--tap', TAP, '--console', join(folder, 'console')];
    const command = [join(ROOT, 'tools/vm'), ...options, '--', join(import.meta.dirname, 'guest-init'), folder];
    // tools/vm ends its guest when it is told to end.
    this.#process = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  /** Waits until it can be asked. */
  async answers(): Promise<void> {
    await until(
      'the guest answers',
      async () => {
        if (this.#process !== undefined && this.#process.exitCode !== null) throw new Error(`the guest ended:\n${this.logEnd()}`);
        return (await this.run('true')).code === 0;
      },
      START_MS,
    );
  }

  logEnd(): string {
    return readFileSync(this.#logPath, 'utf8').slice(-3000);
  }

  /** Runs a script by bash on the node, as root; 128 and why, where it cannot be asked. */
  async run(script: string): Promise<Ran> {
    try {
      const signal = AbortSignal.timeout(START_MS);
      const answer = await fetch(`http://${NODE_ADDRESS}:99/cgi-bin/run`, { method: 'POST', body: script, signal });
      const text = await answer.text();
      const end = text.lastIndexOf('\n');
      return { code: Number(text.slice(end + 1)), output: text.slice(0, end) };
    } catch (error) {
      return { code: 128, output: String(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}
