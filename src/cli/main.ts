// SPDX-License-Identifier: Apache-2.0
import { processIo } from './process-io.ts';
import { runCli } from './run-cli.ts';

const INTERRUPTED = 130; // 128 + SIGINT, what a shell reports

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(INTERRUPTED); // asked twice: the clean way hangs
    stop.abort();
  });
}

const { stdin, stdout, stderr, env } = process;
const code = await runCli(process.argv.slice(2), processIo({ stdin, stdout, stderr, env, stop }));
process.exitCode = code;
