// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Action, Operation, Process } from './case.ts';

/** What the host can do while a process of a case waits. */
export interface Host {
  readonly cell: string;
  readonly stim: string;
  readonly root: string;
  readonly volume: string;
  /** Directories of cgroups: the workload's, one below it, and one of nobody's. */
  readonly cgroups: { readonly bound: string; readonly below: string; readonly unbound: string };
  /** Options of cell for every process. */
  readonly options: readonly string[];
  /** `! ACTION …`: swap N, mode MODE, reader off|on … */
  act(words: readonly string[]): Promise<void> | void;
}

const PROCESS_DEADLINE_MS = 30_000;

/** A step and what came of it. */
export interface Outcome {
  readonly program: string;
  readonly step: Operation;
  readonly result: string;
}

function cellArguments(process: Process, host: Host, entered: number | undefined): string[] {
  const options = [...(entered === undefined ? host.options : ['--enter', String(entered)]), ...process.options].map((word) =>
    word.replace(/^volume/, host.volume),
  );
  const cgroup = options.includes('--unbound')
    ? host.cgroups.unbound
    : options.includes('--below')
      ? host.cgroups.below
      : host.cgroups.bound;
  const operations = process.steps.map((step) => (step.kind === 'operation' ? step.text : 'sync'));
  return [...options.filter((word) => word !== '--unbound' && word !== '--below'), host.root, cgroup, '--', process.program, ...operations];
}

async function perform(step: Action | Process, host: Host, pid: number): Promise<Outcome[]> {
  if (step.kind === 'process') return await runProcess(step, host, pid);
  const [name, ...words] = step.words;
  if (name === 'sh') {
    const { status, stderr } = spawnSync('sh', ['-ec', words.join(' ')], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ROOT: host.root, VOLUME: host.volume },
    });
    if (status !== 0) throw new Error(`! ${step.words.join(' ')}: ${stderr}`);
  } else if (name === 'stim') {
    const operations = words
      .join(' ')
      .split(';')
      .map((text) => text.trim());
    const { stdout } = spawnSync(host.stim, operations, { encoding: 'utf8' });
    if (stdout !== 'OK\n'.repeat(operations.length)) throw new Error(`! ${step.words.join(' ')}: ${stdout}`);
  } else if (name === 'move') {
    writeFileSync(`${host.cgroups.unbound}/cgroup.procs`, String(pid));
  } else {
    await host.act(step.words);
  }
  return [];
}

/**
 * Runs one process of a case and everything that happens while it waits.
 *
 * @param entered the pid of the container's process whose name spaces it enters
 */
export async function runProcess(process: Process, host: Host, entered?: number): Promise<Outcome[]> {
  const child = spawn(host.cell, cellArguments(process, host, entered), { env: {}, stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), PROCESS_DEADLINE_MS);
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  child.stdin.on('error', () => {}); // it may end before it is told to go on
  const closed = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const results: string[] = [];
  const nested: Outcome[] = [];
  let problem: unknown;
  for await (const line of createInterface(child.stdout)) {
    if (line !== 'sync') {
      results.push(line);
      continue;
    }
    const step = process.steps[results.length];
    try {
      if (step === undefined || step.kind === 'operation') throw new Error('the process waits where nothing is to be done');
      nested.push(...(await perform(step, host, child.pid!)));
    } catch (error) {
      problem ??= error;
    }
    child.stdin.write('\n');
  }
  const code = await closed;
  clearTimeout(timer);
  if (problem !== undefined) throw problem;
  return [startOutcome(process, code, errors), ...nested, ...stepOutcomes(process, results, `exit code ${code} ${errors}`.trim())];
}

function startOutcome({ program, result, options }: Process, code: number | null, errors: string): Outcome {
  const failed = code === 126 ? (/^cell: (.*): (\w+)$/m.exec(errors) ?? ['', 'cell', errors]) : undefined;
  const came = failed === undefined ? 'OK' : failed[1] === 'exec' ? failed[2]! : `${failed[1]} ${failed[2]}`;
  return { program: '', step: { kind: 'operation', text: `$ ${[...options, program].join(' ')}`, result }, result: came };
}

function stepOutcomes(process: Process, results: readonly string[], missing: string): Outcome[] {
  let program = process.program;
  const outcomes: Outcome[] = [];
  for (const [index, step] of process.steps.entries()) {
    if (step.kind !== 'operation') continue;
    if (process.result !== 'OK') continue; // it never ran
    const result = results[index] ?? `(none: ${missing})`;
    outcomes.push({ program, step, result });
    const became = /^exec (\S+)$/.exec(step.text)?.[1];
    if (became !== undefined && result === 'OK') program = became;
  }
  return outcomes;
}
