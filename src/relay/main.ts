// SPDX-License-Identifier: Apache-2.0
import { ERRORS, formatIssue, KubeArmorError, VERSION, VERSION_TEXT } from '#base';
import { lineLogger } from '#events';
import { findAccess, openKubeApi } from '#k8s';
import { helpText, processEnvironment, readProcessConfig } from './config.ts';
import type { RelayConfig } from './config.ts';
import { PodAgents } from './pod-agents.ts';
import { runRelay } from './wire-up.ts';

const INTERRUPTED = 130; // 128 + SIGINT, what a shell reports
const { stdout, stderr } = process;

async function main(): Promise<number> {
  for (const stream of [stdout, stderr]) stream.on('error', () => {}); // a reader of our output that is gone is no reason to end
  const result = readProcessConfig();
  if ('text' in result) {
    stdout.write(result.text === 'help' ? helpText() : `kubearmor-relay ${VERSION_TEXT}\n`);
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
    stderr.write(`kubearmor-relay: ${error.message} (${error.hint})\n`);
    return ERRORS[error.code].exitCode;
  }
}

async function run(config: RelayConfig): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(INTERRUPTED); // asked twice: the clean way hangs
      stop.abort();
    });
  }
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
    stop.signal,
  );
}

process.exitCode = await main();
