// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#base';
import type { Enforcer, Visibility } from '#enforce';
import type { EventContext } from '#events';
import { createHealth, logService } from '#grpc';
import type { Feed, GrpcService } from '#grpc';
import type { PeerCredentials } from '#libbpf';
import type { PolicyKind, Workload } from '#policy';
import { Workloads } from '#workloads';
import type { WorkloadChange } from '#workloads';
import type { AgentConfig } from './config.ts';
import { pumpEvents, tellAlert } from './event-pump.ts';
import { boundHost, HOST_KEY } from './host-bound.ts';
import { followFolder } from './follow-folder.ts';
import { GateKeeper } from './start-gate.ts';
import { IntegrityWatch } from './integrity-watch.ts';
import type { LineOutput } from './line-output.ts';
import { nodeStatus, proofReasons } from './node-status.ts';
import { folderBackups } from './policy-files.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import { policyService } from './policy-service.ts';
import { detailText, kubearmorText, ProbeFiles } from './probe-files.ts';
import type { ProbeFacts } from './probe-files.ts';
import { probeService } from './probe-service.ts';
import type { Canary } from './proof/canary.ts';
import type { Proofs } from './proof/port.ts';
import { CANARY_KEY, Prover } from './proof/prover.ts';
import { Protector } from './protector.ts';
import type { Guard } from './protector.ts';
import { modeOf } from './workload-mode.ts';
import type { OpenRoot } from './path-resolver.ts';
import type { RuntimeSource } from './runtime-source.ts';
import { serveAll } from './serve.ts';
import type { Servers } from './serve.ts';
import type { ToldLosses } from './told-losses.ts';

/** What the agent works with; tests bring their own. */
export interface AgentParts {
  readonly config: AgentConfig;
  readonly enforcer: Enforcer;
  readonly runtime: RuntimeSource;
  readonly feed: Feed;
  readonly names: Pick<EventContext, 'clusterName' | 'hostName' | 'nodeId' | 'version' | 'wallClock'>;
  readonly host: { readonly kernelRelease: string; readonly osImage: string };
  readonly peerCredentials: (socketFd: number) => PeerCredentials | undefined;
  readonly lines: LineOutput;
  readonly json: LineOutput | undefined;
  readonly toldLosses: ToldLosses;
  readonly logger: Logger;
  /** Tries what rules say, so that they are proven. */
  readonly canary: Canary;
  /** Refuses host policies that would stop the node; absent: none is refused. */
  readonly hostGuard?: Guard;
  /** KubeArmor's own probe file. */
  readonly kubearmorProbePath: string;
  readonly openRoot?: OpenRoot;
}

export interface RunningAgent {
  /** Where the API is. */
  readonly addresses: readonly string[];
  /** Containers that are protected now. */
  readonly containers: number;
  /** What is proven of the rules in force. */
  readonly proofs: Proofs;
  /** Rejects when a part of the agent failed for good; never resolves. */
  readonly failed: Promise<never>;
  /** Ends the streams with Unavailable, then everything else. The enforcer is left to its owner. */
  stop(): Promise<void>;
}

/** How long existing containers are waited for before the API is served all the same. */
const FIRST_SYNC_MS = 10_000;
const PROBE_EVERY_MS = 2_000;
/** Readers whose agent ended try again every three to four seconds at least (src/cli/follow-feed.ts). */
const RETURN_MS = 5_000;
const RETURN_POLL_MS = 100;
const SERVICES = ['', 'feeder.LogService', 'policy.PolicyService', 'policy.ProbeService'];

/**
 * Puts the agent to work: policies and containers first, then the services, so that nobody is answered before rules are in force.
 *
 * @throws {KubeArmorError} `HOST_IO`, `CONFIG_INVALID` when an address cannot be served; everything else is ended then
 */
export async function startAgent(parts: AgentParts): Promise<RunningAgent> {
  const { config, enforcer, logger, runtime } = parts;
  const inherited = enforcer.keys().length > 0;
  const stop = new AbortController();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {}); // whoever waits for it hears of it
  const loops: Promise<void>[] = [];
  const run = (loop: Promise<void>): void => void loops.push(loop.catch(failure.reject));

  const prover = proverOf(parts, () => protector);
  const protector = protectorOf(parts, () => prover.wake());
  const keeper = keeperOf(config, protector, logger);
  const workloads = new Workloads(runtime, { posturesOf: () => config.postures, modeOf: (identity) => modeOf(identity, config) }, logger);
  const gateKeeper = new GateKeeper({ enforcer, runtime, bound: () => workloads.list(), whenSilent: config.startGate, logger });
  const first = Promise.withResolvers<void>();
  workloads.onChange((change) => follow(change, { protector, gateKeeper, logger, hostStays: config.hostPolicies, onFirst: first.resolve }));

  const health = createHealth(SERVICES);
  let servers: Servers | undefined;
  const end = async (): Promise<void> => {
    for (const name of SERVICES) health.set(name, false);
    await servers?.stop();
    stop.abort();
    await Promise.all(loops);
  };
  try {
    run(gateKeeper.run(stop.signal));
    await keeper.resume();
    await keeper.rescan();
    enforcer.guard([config.policyDir, config.stateDir]);
    run(followFolder(config.policyDir, () => keeper.rescan(), { signal: stop.signal }));
    run(workloads.run(stop.signal));
    await Promise.race([first.promise, failure.promise, sleep(FIRST_SYNC_MS, undefined, { ref: false })]);
    // after the containers, which are no part of it; bound or not, an agent before us may have
    if (config.hostPolicies) protector.bind(boundHost(parts.names.hostName, config, Date.now()));
    else enforcer.release(HOST_KEY);
    const services = servicesOf(parts, protector, keeper);
    servers = await serveAll({ ...config, services, health, peerCredentials: parts.peerCredentials, logger });
  } catch (error) {
    await end();
    throw error;
  }
  enforcer.guard([config.policyDir, config.stateDir, config.socket]);
  for (const name of SERVICES) health.set(name, true);
  // events that an agent before us left in the ring are of containers that are known by now
  run(pump(parts, { protector, prover, waits: inherited, signal: stop.signal }));
  const { addresses } = servers;
  run(keepProbeFiles(parts, { keeper, prover, addresses, signal: stop.signal }));
  return {
    addresses,
    containers: protector.status().filter(({ workload }) => workload.kind === 'container').length,
    proofs: prover,
    failed: failure.promise,
    stop: end,
  };
}

function proverOf({ config, enforcer, canary, logger }: AgentParts, protector: () => Protector): Prover {
  return new Prover({ enforcer, canary, inForce: () => protector().inForce(), everyMs: config.proofEvery * 1_000, logger });
}

function protectorOf({ config, enforcer, logger, openRoot, hostGuard }: AgentParts, onChange: () => void): Protector {
  return new Protector({
    onChange,
    enforcer,
    logger,
    visibilityOf: ({ kind }) => visibilityOf(kind === 'host' ? config.hostVisibility : config.visibility),
    ...(hostGuard === undefined ? {} : { guard: hostGuard }),
    ...(openRoot === undefined ? {} : { openRoot }),
  });
}

function servicesOf({ config, feed, logger }: AgentParts, protector: Protector, keeper: PolicyKeeper): GrpcService[] {
  const { containerPolicies, hostPolicies, networkPolicies } = config;
  return [
    logService(feed),
    policyService({ keeper, containerPolicies, hostPolicies, networkPolicies }, logger),
    probeService(
      () => protector.status(),
      () => keeper.policies(),
    ),
  ];
}

/** Capabilities are told of as alerts only. */
function visibilityOf(visibility: ReadonlySet<string>): Visibility {
  return { process: visibility.has('process'), file: visibility.has('file'), network: visibility.has('network') };
}

function keeperOf(config: AgentConfig, protector: Protector, logger: Logger): PolicyKeeper {
  const kinds = new Set<PolicyKind>([
    ...(config.containerPolicies ? (['KubeArmorPolicy', 'KubeArmorClusterPolicy'] as const) : []),
    ...(config.hostPolicies ? (['KubeArmorHostPolicy'] as const) : []),
    ...(config.networkPolicies ? (['KubeArmorNetworkPolicy'] as const) : []),
  ]);
  return new PolicyKeeper({ directory: config.policyDir, backups: folderBackups(config.policyDir), protector, kinds, logger });
}

const hostFacts = ({ hostPolicies, hostPostures, hostVisibility }: AgentConfig): ProbeFacts['host'] =>
  hostPolicies ? { postures: hostPostures, visibility: hostVisibility } : undefined;

interface Pumping {
  readonly protector: Protector;
  readonly prover: Prover;
  /** What happened while no agent ran waits for the readers that the agent before us had. */
  readonly waits: boolean;
  readonly signal: AbortSignal;
}

async function pump(parts: AgentParts, { protector, prover, waits, signal }: Pumping): Promise<void> {
  const { config, feed } = parts;
  const until = performance.now() + (waits ? RETURN_MS : 0);
  while (performance.now() < until && feed.stats('alerts').subscribers === 0 && !signal.aborted)
    await sleep(RETURN_POLL_MS, undefined, { signal }).catch(() => {});
  const workloadOf = (scope: number): Workload | undefined => protector.workloadOf(scope);
  const events = pumpEvents(
    {
      ...parts,
      takes: (event) => prover.takes(event),
      workloadOf,
      visibilityOf: (workload) => (workload.kind === 'host' ? config.hostVisibility : config.visibility),
      dropProcessResource: config.dropProcessResource,
    },
    signal,
  );
  await Promise.all([events, prover.run(signal)]);
}

interface Followed {
  readonly protector: Protector;
  readonly gateKeeper: GateKeeper;
  readonly logger: Logger;
  /** Whether what is in force for the host is still to be replaced. */
  readonly hostStays: boolean;
  readonly onFirst: () => void;
}

function follow(change: WorkloadChange, { protector, gateKeeper, logger, hostStays, onFirst }: Followed): void {
  switch (change.kind) {
    case 'bound':
      protector.bind(gateKeeper.holds(change.now.initPid) ? { ...change.now, hadStarted: false } : change.now);
      gateKeeper.review();
      logger.info('detected a container', { name: change.now.workload.containerName, id: change.now.workload.id.slice(0, 12) });
      break;
    case 'changed':
      protector.bind(change.now);
      break;
    case 'unbound':
      protector.unbind(change.before.key);
      logger.info('a container is gone', { name: change.before.workload.containerName });
      break;
    case 'lost':
      onFirst();
      break;
    case 'synced':
      protector.takeOver([CANARY_KEY, ...(hostStays ? [HOST_KEY] : [])]);
      onFirst();
      break;
    case 'expected':
      if (change.now.cgroupPath !== undefined) gateKeeper.expect(change.now.cgroupPath);
      break;
    case 'forgotten':
      break;
  }
}

interface ProbeKeeping {
  readonly keeper: PolicyKeeper;
  readonly prover: Prover;
  readonly addresses: readonly string[];
  readonly signal: AbortSignal;
}

async function keepProbeFiles(parts: AgentParts, { keeper, prover, addresses, signal }: ProbeKeeping): Promise<void> {
  const { config, enforcer, runtime, logger } = parts;
  const files = new ProbeFiles(logger);
  const integrity = new IntegrityWatch({
    enforcer,
    names: parts.names,
    tell: (alert) => tellAlert(alert, parts),
    distrust: (found) => prover.distrust(found),
    logger,
  });
  while (!signal.aborted) {
    integrity.check();
    const policies = keeper.status();
    const facts = {
      ...parts.host,
      version: parts.names.version,
      enforcer: enforcer.report.name,
      node: nodeStatus(enforcer.report, runtime.state, policies, [...integrity.reasons(), ...proofReasons(prover.summary())]),
      postures: config.postures,
      host: hostFacts(config),
      runtime: runtime.state,
      containerPolicies: config.containerPolicies,
      addresses,
      policies,
      losses: enforcer.counters(),
      usage: enforcer.usage(),
      startGate: config.startGate,
      proofs: prover,
    };
    await files.write({ [path.join(config.stateDir, 'probe.json')]: detailText(facts), [parts.kubearmorProbePath]: kubearmorText(facts) });
    await sleep(PROBE_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
