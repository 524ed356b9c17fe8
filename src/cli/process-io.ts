// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { AGENT_SOCKET } from './agent-address.ts';
import type { Io } from './io.ts';
import { readToEnd } from './read-input.ts';
import { printableJson, renderText } from './text.ts';

/** Columns of help where there is no terminal to ask, and beyond which lines are hard to read. */
const WIDTH = 80;
const WIDTH_MAX = 120;

/** A stream as the process has it. */
export type Output = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

export interface ProcessParts {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file that runs, links followed. */
  readonly programPath: string;
  /** Aborted from outside on SIGINT and SIGTERM; from here when the reader of stdout is gone. */
  readonly stop: AbortController;
}

/** The `Io` of a real process. Agent and node are loaded when asked for. */
export function processIo({ stdin, stdout, stderr, env, stop, programPath }: ProcessParts): Io {
  const colourOf = (stream: Output): boolean => stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const colours = { out: colourOf(stdout), err: colourOf(stderr) };
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      stop.abort('EPIPE');
    });
  }
  const write = async (text: string): Promise<void> => {
    if (stop.signal.aborted || stdout.write(text)) return;
    await once(stdout, 'drain', { signal: stop.signal }).catch(() => {});
  };
  return {
    signal: stop.signal,
    env: { KUBEARMOR_SERVICE: env['KUBEARMOR_SERVICE'], KUBEARMOR_RELEASES: env['KUBEARMOR_RELEASES'] },
    programPath,
    out: (line) => write(`${renderText(line, colours.out)}\n`),
    outJson: (json) => write(`${printableJson(json)}\n`),
    err: (line) => void stderr.write(`${renderText(line, colours.err)}\n`),
    readStdin: () => readToEnd(stdin, 'standard input', stop.signal),
    ask: async (question, ms) =>
      stdin.isTTY === true ? await askOn({ stdin, stderr }, question, AbortSignal.any([stop.signal, AbortSignal.timeout(ms)])) : undefined,
    width: stdout.isTTY === true ? Math.min(stdout.columns ?? WIDTH, WIDTH_MAX) : WIDTH,
    connect: async (to) => (await import('./connect-agent.ts')).connectAgentPort(to),
    surroundings: async () => (await import('./cluster/open-cluster.ts')).lookAround(env, AGENT_SOCKET),
    cluster: async (asked) => (await import('./cluster/open-cluster.ts')).openCluster(asked, env),
    contexts: async ({ kubeconfig }) => (await import('./cluster/open-cluster.ts')).contextNames(kubeconfig, env),
    localFacts: async () => (await import('./local-facts.ts')).readLocalFacts(),
    machine: async () => (await import('./nonk8s/machine.ts')).openMachine(),
    agentFile: async (path) => (await import('./agent-file.ts')).readAgentFile(path),
    kubeArmorTraces: async (bpffs) => (await import('./local-facts.ts')).readTraces(bpffs),
    leftInForce: async (bpffs) => (await import('./left-in-force.ts')).readLeftInForce(bpffs),
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    sleep: (ms) => delay(ms, undefined, { signal: stop.signal }).catch(() => {}),
  };
}

async function askOn(
  { stdin, stderr }: Pick<ProcessParts, 'stdin' | 'stderr'>,
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return await lines.question(question, { signal });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    lines.close();
  }
}
