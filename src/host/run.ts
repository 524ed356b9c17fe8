// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { KubeArmorError } from '#base';

export interface RunOptions {
  /** After this many milliseconds the program is killed (SIGKILL). Default 30,000. */
  readonly timeoutMs?: number;
  /** Written to its standard input, which is then closed. Default: empty. */
  readonly input?: string | Uint8Array;
  /** The whole environment. Default: only `PATH`, and `LC_ALL=C` so that output can be read by programs. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Each of stdout and stderr is kept up to this many bytes; beyond it the program is killed. Default 16 MiB. */
  readonly outputMaxBytes?: number;
  /** Kills the program when aborted. */
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly exitCode: number | undefined;
  /** The signal that ended it, like `SIGKILL`. */
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

class Collected {
  readonly chunks: Buffer[] = [];
  bytes = 0;
  text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}

/**
 * Runs a program without a shell and waits for its end. A non-zero exit code is a result, not an error.
 *
 * The only place of this system that starts another program.
 *
 * @throws {KubeArmorError} `HOST_IO` when it cannot be started, takes too long, prints too much or is aborted
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const outputMaxBytes = options.outputMaxBytes ?? 16 * 1024 * 1024;
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const fail = (why: string, cause?: unknown): void => {
    child.kill('SIGKILL');
    reject(new KubeArmorError('HOST_IO', `running ${command}: ${why}`, { cause, context: { command } }));
  };
  const child = spawn(command, [...args], {
    env: { ...(options.env ?? { PATH: DEFAULT_PATH, LC_ALL: 'C' }) },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const out = new Collected();
  const err = new Collected();
  const collect =
    (into: Collected) =>
    (chunk: Buffer): void => {
      into.bytes += chunk.length;
      if (into.bytes > outputMaxBytes) fail(`more than ${outputMaxBytes} bytes of output`);
      else into.chunks.push(chunk);
    };
  const onAbort = (): void => fail('aborted', options.signal?.reason);
  const timer = setTimeout(() => fail(`no end after ${timeoutMs} ms`), timeoutMs);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  child.stdout.on('data', collect(out));
  child.stderr.on('data', collect(err));
  child.stdin.on('error', () => {}); // EPIPE: it did not want its input; its exit code says the rest
  child.on('error', (error) => fail(error.message, error));
  child.on('close', (code, signal) => {
    resolve({ exitCode: code ?? undefined, signal: signal ?? undefined, stdout: out.text(), stderr: err.text() });
  });
  child.stdin.end(options.input ?? '');
  try {
    if (options.signal?.aborted === true) onAbort();
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}
