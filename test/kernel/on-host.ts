// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseRun } from './case.ts';
import type { KernelCase } from './case.ts';
import type { Outcome } from './drive.ts';

const DEADLINE_MS = 30_000;
/** In what a case says: its root, which on the host is a folder. */
const ROOT = /ROOT/g;

export const onRoot = (text: string, root: string): string => text.replace(ROOT, root);

/** A case of the host with its root's name in it. */
export function atRoot(test: KernelCase, root: string): KernelCase {
  const all = (texts: readonly string[]): string[] => texts.map((text) => onRoot(text, root));
  return {
    ...test,
    policies: all(test.policies),
    ...(test.swaps === undefined ? {} : { swaps: test.swaps.map(all) }),
    run: onRoot(test.run, root),
  };
}

/**
 * Runs the programs of cases on the host. What this process starts is the agent's and so no part of the host; what this shell starts is:
 * it began before the host was bound.
 */
export class HostShell implements Disposable {
  readonly #directory: string;
  readonly #shell: ChildProcess;
  #count = 0;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    this.#shell = spawn('sh', ['-c', 'while read -r line; do eval "$line"; done'], { stdio: ['pipe', 'ignore', 'inherit'], env: {} });
  }

  /**
   * Performs the processes of a case one after the other; `act` does what `!` asks for between them.
   *
   * @param prefix words of a command that starts each program
   */
  async run(
    test: KernelCase,
    prefix: (options: readonly string[]) => readonly string[],
    act: (words: readonly string[]) => Promise<void> | void,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const { program, options, result, steps } of parseRun(test.run)) {
      for (const step of steps) if (step.kind === 'action') await act(step.words);
      const operations = steps.flatMap((step) => (step.kind === 'operation' ? [step] : []));
      const came = await this.#command([...prefix(options), program, ...operations.map(({ text }) => text)]);
      const failed = /: (E[A-Z]+|Permission denied)$/m.exec(came.errors)?.[1] ?? came.errors;
      const started = came.code !== 126 ? 'OK' : failed.replace('Permission denied', 'EACCES');
      outcomes.push({ program: '', step: { kind: 'operation', text: `$ ${[...options, program].join(' ')}`, result }, result: started });
      if (result !== 'OK') continue;
      for (const [index, step] of operations.entries())
        outcomes.push({ program, step, result: came.lines[index] ?? `(none: ${came.errors})` });
    }
    return outcomes;
  }

  async #command(words: readonly string[]): Promise<{ code: number; lines: string[]; errors: string }> {
    const at = join(this.#directory, String(this.#count++));
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    this.#shell.stdin!.write(`${quoted} >${at}.out 2>${at}.err; echo $? >${at}.tmp; mv ${at}.tmp ${at}.code\n`);
    const deadline = Date.now() + DEADLINE_MS;
    while (!existsSync(`${at}.code`)) {
      if (Date.now() > deadline) throw new Error(`not in time: ${quoted}`);
      await sleep(10);
    }
    const read = (ending: string): string => readFileSync(`${at}.${ending}`, 'utf8').trim();
    return { code: Number(read('code')), lines: read('out').split('\n'), errors: read('err') };
  }

  [Symbol.dispose](): void {
    this.#shell.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
