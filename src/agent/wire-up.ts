// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { KubeArmorError, VERSION } from '#base';
import type { Logger } from '#base';
import { claimPinDirectory, openEnforcer } from '#enforce';
import { lineLogger } from '#events';
import type { LogLevel } from '#events';
import { Feed } from '#grpc';
import { openBootClock, readHostFacts, readKubeArmorTraces } from '#host';
import type { HostFacts } from '#host';
import { mountBpffs, peerCredentials } from '#libbpf';
import { startAgent } from './agent.ts';
import type { RunningAgent } from './agent.ts';
import type { AgentConfig } from './config.ts';
import { survivalOf } from './end-enforcement.ts';
import { findEssentials } from './essentials.ts';
import { hostGuard } from './host-guard.ts';
import { nodeNameOf, openCluster } from './kube/open-cluster.ts';
import { fileOutput, streamOutput } from './line-output.ts';
import type { LineOutput, LineStream } from './line-output.ts';
import { ownCgroupDirectory } from './own-cgroup.ts';
import { OWN_FILES } from './own-files.ts';
import { checkNode, checkPod, enterHostCgroups } from './preflight.ts';
import { KUBEARMOR_PROBE_PATH } from './probe-files.ts';
import { nativeCanary } from './proof/canary.ts';
import { RuntimeSource } from './runtime-source.ts';
import { toldLossesFile } from './told-losses.ts';

export interface Console {
  /** One line an alert, and the line that says that the agent is ready. */
  readonly stdout: LineStream;
  /** The agent's log. */
  readonly stderr: LineStream;
}

/**
 * Runs the agent on this node until the signal aborts.
 *
 * @throws {KubeArmorError} where it cannot start, or a part of it failed for good
 */
export async function runOnThisNode(config: AgentConfig, console: Console, signal: AbortSignal): Promise<void> {
  if (config.kube !== undefined) enterHostCgroups();
  const facts = readHostFacts();
  const feed = new Feed({ runId: Date.now().toString(36) });
  const logger = loggerOf(config, console, feed, facts);
  const objectPath = config.bpfObject ?? OWN_FILES.object;
  await checkNode(facts, config.socket, objectPath);
  if (config.kube !== undefined) checkPod();
  await prepareFolders(config);
  const lines = streamOutput(console.stdout);
  const json = jsonOutput(config.logPath, console, logger);
  using enforcer = await openEnforcer({
    objectPath,
    alertRingBytes: config.alertRingBytes,
    survive: survivalOf(config),
    launchers: { containers: config.runtimePrograms },
    logger,
  });
  for (const { hook, reason } of enforcer.report.missing)
    logger.error('a hook is not attached: what it guards is not enforced', { hook, reason });
  const clock = openBootClock();
  using cluster = config.kube === undefined ? undefined : await openCluster(config.kube, { config, facts, logger, stopping: signal });
  const agent = await startAgent({
    config,
    ...(cluster === undefined ? {} : { cluster }),
    enforcer,
    feed,
    runtime: new RuntimeSource({ socket: config.runtimeSocket, logger }),
    names: {
      clusterName: config.cluster,
      hostName: hostNameOf(config, facts),
      nodeId: nodeIdOf(config, facts),
      version: VERSION,
      wallClock: (bootNs) => new Date(clock.toWallMs(bootNs)),
    },
    host: { kernelRelease: facts.kernelRelease, osImage: osImage() },
    peerCredentials,
    lines,
    json,
    toldLosses: toldLossesFile(path.join(config.stateDir, 'losses.json'), logger),
    logger,
    ownCgroup: ownCgroupDirectory(),
    canary: nativeCanary({ program: OWN_FILES.canary, mountpoint: config.stateDir }),
    hostGuard: hostGuard(() => findEssentials({ reads: [objectPath, fileURLToPath(import.meta.url)], starts: [OWN_FILES.launcher] })),
    traces: () => readKubeArmorTraces(config.bpfFsPath),
    kubearmorProbePath: KUBEARMOR_PROBE_PATH,
  });
  lines.write(`KubeArmor ${VERSION} is ready: ${agent.containers} containers protected, API at ${agent.addresses.join(', ')}`);
  try {
    await untilStopped(agent, signal);
  } finally {
    logger.info('stopping');
    await agent.stop();
    await rm(path.join(config.stateDir, 'probe.json'), { force: true });
    json?.close();
  }
}

function loggerOf(config: AgentConfig, console: Console, feed: Feed, facts: HostFacts): Logger {
  const output = streamOutput(console.stderr);
  return lineLogger({
    write: (line) => output.write(line),
    least: config.debug ? 'debug' : 'info',
    now: () => new Date(),
    ...(config.debug ? { tell: tellMessages(feed, config, facts) } : {}),
  });
}

async function untilStopped(agent: RunningAgent, signal: AbortSignal): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  await Promise.race([stopped, agent.failed]);
}

async function prepareFolders(config: AgentConfig): Promise<void> {
  const { stateDir, bpfFsPath } = config;
  await mkdir(stateDir, { recursive: true, mode: 0o755 }).catch((error: unknown) => {
    throw new KubeArmorError('HOST_IO', `making ${stateDir}: ${String(error)}`, { cause: error });
  });
  try {
    mountBpffs(bpfFsPath);
  } catch (error) {
    if (!(error instanceof KubeArmorError)) throw error;
    throw new KubeArmorError('NOT_SUPPORTED', `starting: ${error.message}: mount -t bpf bpf ${bpfFsPath}, or set bpfFsPath`, {
      cause: error,
    });
  }
  claimPinDirectory(survivalOf(config).pinDirectory);
}

function jsonOutput(logPath: string, { stdout }: Console, logger: Logger): LineOutput | undefined {
  if (logPath === 'none') return undefined;
  return logPath === 'stdout' ? streamOutput(stdout) : fileOutput(logPath, logger);
}

const hostNameOf = ({ host, kube }: AgentConfig, facts: HostFacts): string =>
  host === '' ? (kube === undefined ? facts.hostname : nodeNameOf(kube, facts)) : host;

/** KubeArmor's NodeID: the machine's id, else the node's name. */
function nodeIdOf(config: AgentConfig, facts: HostFacts): string {
  const id = firstLine(config.machineIdPath) || facts.machineId;
  return id === '' ? hostNameOf(config, facts) : id;
}

/** @source os-release(5) */
function osImage(): string {
  const text = readAny('/etc/os-release');
  return /^PRETTY_NAME=(.*)$/m.exec(text)?.[1]?.replace(/^"|"$/g, '') ?? '';
}

const firstLine = (file: string): string => readAny(file).split('\n', 1)[0]?.trim() ?? '';

function readAny(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** KubeArmor's `WatchMessages`: the agent's own log, where debugging is on. */
function tellMessages(feed: Feed, config: AgentConfig, facts: HostFacts): (level: LogLevel, text: string) => void {
  return (level, text) => {
    const now = new Date();
    feed.publishMessage({
      Timestamp: BigInt(Math.floor(now.getTime() / 1000)),
      UpdatedTime: now.toISOString().replace('Z', '000Z'),
      ClusterName: config.cluster,
      HostName: hostNameOf(config, facts),
      HostIP: '',
      Type: 'Message',
      Level: level.toUpperCase(),
      Message: text,
    });
  };
}
