// SPDX-License-Identifier: Apache-2.0
import { isMainThread } from 'node:worker_threads';
import { ERRORS, formatIssue, KubeArmorError, VERSION, VERSION_TEXT } from '#base';
import { lineLogger } from '#events';
import { findAccess, openKubeApi } from '#k8s';
import { helpText, processEnvironment, readProcessConfig } from './config.ts';
import type { ControllerConfig } from './config.ts';
import { runReviewThread } from './review-thread.ts';
import { reviewThreadOf } from './start-review-thread.ts';
import { runController } from './wire-up.ts';

const INTERRUPTED = 130; // 128 + SIGINT, what a shell reports
const { stdout, stderr } = process;

async function main(): Promise<number> {
  for (const stream of [stdout, stderr]) stream.on('error', () => {}); // a reader of our output that is gone is no reason to end
  const result = readProcessConfig();
  if ('text' in result) {
    stdout.write(result.text === 'help' ? helpText() : `kubearmor-controller ${VERSION_TEXT}\n`);
    return 0;
  }
  if ('issues' in result) {
    for (const issue of result.issues) stderr.write(`${formatIssue(issue)}\n`);
    return ERRORS.CONFIG_INVALID.exitCode;
  }
  try {
    await run(result.config);
    return 0;
  } catch (error) {
    if (!(error instanceof KubeArmorError)) throw error;
    stderr.write(`kubearmor-controller: ${error.message} (${error.hint})\n`);
    return ERRORS[error.code].exitCode;
  }
}

async function run(config: ControllerConfig): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(INTERRUPTED); // asked twice: the clean way hangs
      stop.abort();
    });
  }
  const logger = lineLogger({
    write: (line) => void stdout.write(`${line}\n`),
    least: config.debug ? 'debug' : 'info',
    now: () => new Date(),
  });
  const access = await findAccess({ kubeconfig: config.kubeconfig, env: processEnvironment() });
  using api = openKubeApi({ access, userAgent: `kubearmor-controller/${VERSION}` });
  const onServing = ({ health, webhook }: { health: number; webhook: number }): void =>
    logger.info(`KubeArmor controller ${VERSION} serves`, { health, webhook, namespace: config.namespace });
  // This very file is the program of the review thread too: one bundle holds both.
  const startThread = reviewThreadOf(new URL(import.meta.url));
  await runController(config, { api, startThread, logger, onServing }, stop.signal);
}

if (isMainThread) process.exitCode = await main();
else runReviewThread();
