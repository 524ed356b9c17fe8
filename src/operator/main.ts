// SPDX-License-Identifier: Apache-2.0
import { runProgram, VERSION } from '#base';
import { lineLogger } from '#events';
import { findAccess, openKubeApi } from '#k8s';
import { helpText, processEnvironment, readProcessConfig } from './config.ts';
import type { OperatorConfig } from './config.ts';
import { runOperator, uninstall } from './wire-up.ts';

const { stdout } = process;

async function run(config: OperatorConfig, signal: AbortSignal): Promise<void> {
  const logger = lineLogger({
    write: (line) => void stdout.write(`${line}\n`),
    least: config.debug ? 'debug' : 'info',
    now: () => new Date(),
  });
  const access = await findAccess({ kubeconfig: config.kubeconfig, env: processEnvironment() });
  using api = openKubeApi({ access, userAgent: `kubearmor-operator/${VERSION}` });
  if (config.uninstall) return uninstall(config, { api, logger }, signal);
  const onServing = (health: number): void => logger.info(`KubeArmor operator ${VERSION} serves`, { health, namespace: config.namespace });
  await runOperator(config, { api, logger, onServing }, signal);
}

process.exitCode = await runProgram({
  name: 'kubearmor-operator',
  help: helpText,
  settings: readProcessConfig(),
  run: ({ config }, signal) => run(config, signal),
});
