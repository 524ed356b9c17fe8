// SPDX-License-Identifier: Apache-2.0
import { isMainThread } from 'node:worker_threads';
import { runProgram, VERSION } from '#base';
import { lineLogger } from '#events';
import { findAccess, openKubeApi } from '#k8s';
import { helpText, processEnvironment, readProcessConfig } from './config.ts';
import type { ControllerConfig } from './config.ts';
import { runReviewThread } from './review-thread.ts';
import { reviewThreadOf } from './start-review-thread.ts';
import { runController } from './wire-up.ts';

const { stdout } = process;

async function run(config: ControllerConfig, signal: AbortSignal): Promise<void> {
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
  await runController(config, { api, startThread, logger, onServing }, signal);
}

if (isMainThread)
  process.exitCode = await runProgram({
    name: 'kubearmor-controller',
    help: helpText,
    settings: readProcessConfig(),
    run: ({ config }, signal) => run(config, signal),
  });
else runReviewThread();
