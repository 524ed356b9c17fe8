// SPDX-License-Identifier: Apache-2.0
import { realpathSync } from 'node:fs';
import { EXIT_CODES } from './exit-codes.ts';
import { processIo } from './process-io.ts';
import { runCli } from './run-cli.ts';

const SIGNALS = { SIGINT: EXIT_CODES.interrupted.code, SIGTERM: EXIT_CODES.terminated.code } as const;

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (!stop.signal.aborted) return stop.abort(name);
    // Asked twice: the clean way hangs. process.exit() would wait for a thread that is stuck in a file system; the signal does not.
    process.removeAllListeners(name);
    process.kill(process.pid, name);
    process.exit(SIGNALS[name]); // process 1 of a container is not ended by a signal
  });
}

const { stdin, stdout, stderr, env } = process;
const code = await runCli(
  process.argv.slice(2),
  processIo({ stdin, stdout, stderr, env, stop, programPath: realpathSync(process.argv[1] ?? '') }),
);
process.exitCode = code;
// A key was pressed: what was asked in vain (a program for credentials may take a minute) must not hold the shell.
if (process.argv[2] === '__complete') process.exit();
