// SPDX-License-Identifier: Apache-2.0
import { runProgram, VERSION } from '#base';
import { lineLogger } from '#events';
import { findAccess, openKubeApi } from '#k8s';
import { helpText, processEnvironment, readProcessConfig } from './config.ts';
import type { RelayConfig } from './config.ts';
import { PodAgents } from './pod-agents.ts';
import { runRelay } from './wire-up.ts';

const { stdout, stderr } = process;

async function run(config: RelayConfig, signal: AbortSignal): Promise<void> {
  // its own log on stderr: stdout may be the records'
  const logger = lineLogger({
    write: (line) => void stderr.write(`${line}\n`),
    least: config.debug ? 'debug' : 'info',
    now: () => new Date(),
  });
  const access = await findAccess({ kubeconfig: config.kubeconfig, env: processEnvironment() });
  using api = openKubeApi({ access, userAgent: `kubearmor-relay/${VERSION}` });
  const { namespace, agentPort } = config;
  await runRelay(
    config,
    {
      agents: new PodAgents({ api, namespace, port: agentPort, logger }),
      logger,
      print: (line) => void stdout.write(`${line}\n`),
      onServing: (address) => logger.info(`KubeArmor relay ${VERSION} serves`, { address, namespace }),
      runId: Date.now().toString(36),
    },
    signal,
  );
}

process.exitCode = await runProgram({
  name: 'kubearmor-relay',
  help: helpText,
  settings: readProcessConfig(),
  run: ({ config }, signal) => run(config, signal),
});
