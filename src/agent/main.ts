// SPDX-License-Identifier: Apache-2.0
import { ERRORS, formatIssue, KubeArmorError, VERSION_TEXT } from '#base';
import { helpText, readProcessConfig } from './config.ts';
import { endEnforcement } from './end-enforcement.ts';
import { runOnThisNode } from './wire-up.ts';

const INTERRUPTED = 130; // 128 + SIGINT, what a shell reports
const { stdout, stderr } = process;

/** A reader of our output that is gone is no reason to stop enforcing. */
for (const stream of [stdout, stderr]) stream.on('error', () => {});

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(INTERRUPTED); // asked twice: the clean way hangs
    stop.abort();
  });
}

async function main(): Promise<number> {
  const result = readProcessConfig();
  if ('text' in result) {
    stdout.write(result.text === 'help' ? helpText() : `kubearmor ${VERSION_TEXT}\n`);
    return 0;
  }
  if ('issues' in result) {
    for (const issue of result.issues) stderr.write(`${formatIssue(issue)}\n`);
    return ERRORS.CONFIG_INVALID.exitCode;
  }
  try {
    if (result.remove !== undefined)
      return await endEnforcement(result.config, result.remove.confirmed, (line) => void stdout.write(`${line}\n`));
    await runOnThisNode(result.config, { stdout, stderr }, stop.signal);
    return 0;
  } catch (error) {
    if (!(error instanceof KubeArmorError)) throw error;
    stderr.write(`kubearmor: ${error.message} (${error.hint})\n`);
    return ERRORS[error.code].exitCode;
  }
}

process.exitCode = await main();
