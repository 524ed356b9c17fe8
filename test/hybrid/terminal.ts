// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runFor, until } from '../vm/running.ts';
import type { Ran } from '../vm/running.ts';
import type { Hybrid } from './cluster.ts';

const ROOT = join(import.meta.dirname, '../..');
const helmFolder = (): string =>
  execFileSync(join(ROOT, 'tools/helm/build'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
const LINES_MAX = 12;
/** What installs or takes out waits for programs that start under emulation. */
const LINE_MS = 900_000;
const SHOWN_MS = 60_000;

const isColoured = process.env['NO_COLOR'] === undefined && (process.stdout.isTTY || process.env['FORCE_COLOR'] !== undefined);
const coloured = (code: number, text: string): string => (isColoured ? `\x1b[${code}m${text}\x1b[0m` : text);

/** Types command lines as a user of the cluster does, shows what comes back, and counts what holds of it. */
export class Terminal {
  readonly #env: NodeJS.ProcessEnv;
  readonly #home: string;
  readonly #startMs = performance.now();
  #held = 0;
  #claimed = 0;

  /** @param home the folder of who sits there, that may be written into; our `examples` are in it */
  constructor({ bin, kubeconfig }: Pick<Hybrid, 'bin' | 'kubeconfig'>, home: string) {
    symlinkSync(join(ROOT, 'examples'), join(home, 'examples'));
    this.#home = home;
    this.#env = {
      ...process.env,
      KUBECONFIG: kubeconfig,
      HOME: home,
      PATH: `/usr/local/bin:${bin}:${helmFolder()}:${process.env['PATH'] ?? ''}`,
    };
  }

  step(text: string): void {
    console.log(`\n${coloured(1, text)}`);
  }

  note(text: string): void {
    console.log(coloured(2, `  ${text}`));
  }

  claim(text: string, holds: boolean): void {
    this.#claimed++;
    if (holds) this.#held++;
    console.log(holds ? `  ${coloured(32, '✓')} ${text}` : `  ${coloured(31, `✗ ${text}`)}`);
  }

  async type(line: string): Promise<Ran> {
    const [first = '', ...rest] = line.split('\n');
    console.log(`  ${coloured(1, `$ ${first}`)}${rest.length === 0 ? '' : coloured(2, ` … ${rest.length} lines`)}`);
    const ran = await runFor(LINE_MS, 'env', ...this.#words(line));
    const lines = ran.output.trimEnd().split('\n');
    for (const one of lines.slice(0, LINES_MAX)) console.log(coloured(2, `    ${one}`));
    if (lines.length > LINES_MAX) console.log(coloured(2, `    … ${lines.length - LINES_MAX} lines more`));
    if (ran.code !== 0) console.log(coloured(2, `    (exit code ${ran.code})`));
    return ran;
  }

  /** Another terminal, where this line runs on. */
  open(line: string): OtherTerminal {
    console.log(`  ${coloured(1, `$ ${line}`)} ${coloured(2, '(in another terminal)')}`);
    return new OtherTerminal('env', this.#words(line));
  }

  /** Whether something holds within a minute, or another time. */
  async eventually(holds: () => Promise<boolean>, withinMs = SHOWN_MS): Promise<boolean> {
    return await until('', holds, withinMs).then(
      () => true,
      () => false,
    );
  }

  /** @returns whether all claims held */
  end(): boolean {
    const seconds = Math.round((performance.now() - this.#startMs) / 1_000);
    const colour = this.#held === this.#claimed ? 32 : 31;
    console.log(`\n${coloured(colour, `${this.#held} of ${this.#claimed} claims hold`)} (${seconds} seconds)`);
    return this.#held === this.#claimed;
  }

  #words(line: string): string[] {
    const words = ['PATH', 'KUBECONFIG', 'HOME'].map((name) => `${name}=${this.#env[name]}`);
    return ['-C', this.#home, ...words, 'bash', '-c', line];
  }
}

export class OtherTerminal implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #text = '';
  #errors = '';

  constructor(command: string, words: readonly string[]) {
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (text: Buffer) => (this.#text += text.toString()));
    this.#child.stderr?.on('data', (text: Buffer) => (this.#errors += text.toString()));
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Does something again and again until the first line about it is here. @throws {Error} where the program ended, or nothing comes */
  async listens(stir: () => Promise<unknown>): Promise<void> {
    await until('the other terminal shows something', async () => {
      if (!this.isRunning) throw new Error(`it ended: ${this.#errors}`);
      await stir();
      return this.#text !== '';
    });
  }

  /** Waits for a line, and shows it. @returns whether it came */
  async shows(pattern: RegExp): Promise<boolean> {
    const came = await until('', () => pattern.test(this.#text), SHOWN_MS).then(
      () => true,
      () => false,
    );
    const line = this.#text.split('\n').find((one) => pattern.test(one));
    console.log(
      coloured(
        2,
        `    ${came ? line : `nothing like ${String(pattern)}; it said:\n${this.#text.slice(-1500)}${this.#errors.slice(-500)}`}`,
      ),
    );
    return came;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }
}
