// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#base';
import type { Enforcer, Visibility } from '#enforce';
import type { EventContext } from '#events';
import { createHealth, logService } from '#grpc';
import type { Feed, GrpcService } from '#grpc';
import type { PeerCredentials } from '#libbpf';
import type { Workload } from '#policy';
import { Workloads } from '#workloads';
import type { AgentConfig } from './config.ts';
import { pumpEvents, tellAlert } from './event-pump.ts';
import { FolderGovernor } from './folder-governor.ts';
import { WorkloadFollower } from './follow-workloads.ts';
import type { Governor } from './governor.ts';
import { HOST_KEY } from './host-bound.ts';
import { ClusterGovernor } from './kube/cluster-governor.ts';
import type { ClusterParts } from './kube/cluster-governor.ts';
import { GateKeeper } from './start-gate.ts';
import { IntegrityWatch } from './integrity-watch.ts';
import type { LineOutput } from './line-output.ts';
import { nodeStatus, proofReasons } from './node-status.ts';
import { policyService } from './policy-service.ts';
import { detailText, kubearmorText, ProbeFiles } from './probe-files.ts';
import type { ProbeFacts } from './probe-files.ts';
import { probeService } from './probe-service.ts';
import type { Canary } from './proof/canary.ts';
import type { Proofs } from './proof/port.ts';
import { Prover } from './proof/prover.ts';
import { Protector } from './protector.ts';
import type { Guard } from './protector.ts';
import type { OpenRoot } from './path-resolver.ts';
import type { RuntimeSource } from './runtime-source.ts';
import { serveAll } from './serve.ts';
import type { Servers } from './serve.ts';
import { TraceWatch } from './trace-watch.ts';
import type { TraceWatchOptions } from './trace-watch.ts';
import type { ToldLosses } from './told-losses.ts';

/** What the agent works with; tests bring their own. */
export interface AgentParts {
  readonly config: AgentConfig;
  /** Absent: the node is none of a cluster's. */
  readonly cluster?: ClusterParts;
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
  /** Where the agent is a container itself: its cgroup, which is not bound. */
  readonly ownCgroup?: string | undefined;
  /** Refuses host policies that would stop the node; absent: none is refused. */
  readonly hostGuard?: Guard;
  /** What of KubeArmor is on this node; absent: it is not looked for. */
  readonly traces?: TraceWatchOptions['look'];
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
 * @throws {KubeArmorError} `HOST_IO`, `CONFIG_INVALID` when an address cannot be served, `API_UNREACHABLE` when nothing is known of the
 *   cluster; everything else is ended then
 */
export async function startAgent(parts: AgentParts): Promise<RunningAgent> {
  const { config, enforcer, logger } = parts;
  const inherited = enforcer.keys().length > 0;
  const loops = new Loops();
  const assembly = assemble(parts);
  const { protector, governor, follower, names, integrity, traces, prover } = assembly;
  const health = createHealth(SERVICES);
  let servers: Servers | undefined;
  const reading = new AbortController();
  let read: Promise<void> = Promise.resolve();
  const end = async (): Promise<void> => {
    for (const name of SERVICES) health.set(name, false);
    // what is read after the streams have ended reaches nobody: it stays in the ring, for the agent after us
    reading.abort();
    await read;
    await servers?.stop();
    loops.abort();
    follower.stop();
    await loops.ended();
  };
  try {
    await protect(parts, assembly, loops);
    const services = servicesOf(parts, protector, governor);
    servers = await serveAll({ ...config, services, health, peerCredentials: parts.peerCredentials, logger });
  } catch (error) {
    await end();
    throw error;
  }
  enforcer.guard([config.policyDir, config.stateDir, config.socket]);
  for (const name of SERVICES) health.set(name, true);
  const { signal } = loops;
  // events that an agent before us left in the ring are of containers that are known by now
  const untilRead = AbortSignal.any([signal, reading.signal]);
  const pumping = pump({ ...parts, names }, { protector, governor, prover, waits: inherited, signal: untilRead });
  read = pumping.catch(() => {}); // the loops tell
  loops.run(pumping);
  const { addresses } = servers;
  loops.run(keepProbeFiles(parts, { governor, integrity, traces, prover, addresses, signal }));
  return {
    addresses,
    containers: protector.status().filter(({ workload }) => workload.kind === 'container').length,
    proofs: prover,
    failed: loops.failed,
    stop: end,
  };
}

/** What goes on until the agent is stopped. */
class Loops {
  readonly #stop = new AbortController();
  readonly #failure = Promise.withResolvers<never>();
  readonly #loops: Promise<void>[] = [];
  readonly signal = this.#stop.signal;
  readonly failed = this.#failure.promise;

  constructor() {
    this.failed.catch(() => {}); // whoever waits for it hears of it
  }

  run(loop: Promise<void>): void {
    this.#loops.push(loop.catch(this.#failure.reject));
  }

  abort(): void {
    this.#stop.abort();
  }

  async ended(): Promise<void> {
    await Promise.all(this.#loops);
  }
}

/** The parts that know each other. */
interface Assembly {
  readonly protector: Protector;
  readonly governor: Governor;
  readonly workloads: Workloads;
  readonly gateKeeper: GateKeeper;
  readonly follower: WorkloadFollower;
  readonly names: AgentParts['names'];
  readonly integrity: IntegrityWatch;
  readonly traces: TraceWatch;
  readonly prover: Prover;
  /** All containers are told of, or cannot be. */
  readonly first: Promise<void>;
}

function assemble(parts: AgentParts): Assembly {
  const { config, enforcer, logger, runtime, ownCgroup } = parts;
  const prover = proverOf(parts, () => protector);
  const protector = protectorOf(
    parts,
    () => governor,
    () => prover.wake(),
  );
  const governor = governorOf(parts, protector, prover);
  const workloads = new Workloads(runtime, governor.workloadSettings, logger);
  const gateKeeper = new GateKeeper({ enforcer, runtime, bound: () => workloads.list(), whenSilent: config.startGate, ownCgroup, logger });
  const first = Promise.withResolvers<void>();
  const follower = new WorkloadFollower({
    protector,
    gateKeeper,
    logger,
    hostStays: config.hostPolicies,
    ownCgroup,
    isKnown: (bound) => governor.isKnown(bound),
    onFirst: first.resolve,
  });
  workloads.onChange((change) => follower.follow(change));
  const names = namesOf(parts, governor);
  const tell = (alert: Parameters<typeof tellAlert>[0]): void => tellAlert(alert, parts);
  const integrity = new IntegrityWatch({ enforcer, names, tell, distrust: (found) => prover.distrust(found), logger });
  const traces = new TraceWatch({ look: parts.traces ?? (() => ({ agents: [], profiles: [], pins: [], unread: [] })), logger });
  return { protector, governor, workloads, gateKeeper, follower, names, integrity, traces, prover, first: first.promise };
}

/** Policies, then containers, then the host: what is there is protected when this resolves. */
async function protect({ config, enforcer }: AgentParts, assembly: Assembly, loops: Loops): Promise<void> {
  const { protector, governor, workloads, gateKeeper, follower, integrity, traces, first } = assembly;
  traces.check();
  const { signal, failed } = loops;
  let hostIsBound = false;
  const bindHost = (): void => void (hostIsBound && protector.bind(governor.host()));
  const bound = Promise.withResolvers<void>();
  loops.run(gateKeeper.run(signal));
  await governor.start({
    workloads,
    remarks: () => [...integrity.reasons(), ...traces.remarks()],
    onHostChange: bindHost,
    onMoreKnown: () => follower.review(),
    bound: bound.promise,
    run: (loop) => loops.run(loop),
    failed,
    signal,
  });
  enforcer.guard([config.policyDir, config.stateDir]);
  loops.run(workloads.run(signal));
  await Promise.race([first, failed, sleep(FIRST_SYNC_MS, undefined, { ref: false })]);
  // after the containers, which are no part of it; bound or not, an agent before us may have
  hostIsBound = config.hostPolicies;
  bindHost();
  if (!hostIsBound) enforcer.release(HOST_KEY);
  bound.resolve();
}

function governorOf(parts: AgentParts, protector: Protector, proofs: Proofs): Governor {
  const { config, cluster, enforcer, runtime, names, host, logger } = parts;
  if (cluster === undefined) return new FolderGovernor({ config, hostName: names.hostName, protector, logger });
  return new ClusterGovernor({ config, cluster, enforcer, runtime, names, host, protector, proofs, logger });
}

/** Names of which one may change while the agent runs. */
const namesOf = ({ names }: AgentParts, governor: Governor): AgentParts['names'] => ({
  ...names,
  get clusterName() {
    return governor.config.cluster;
  },
});

function proverOf({ config, enforcer, canary, logger }: AgentParts, protector: () => Protector): Prover {
  return new Prover({ enforcer, canary, inForce: () => protector().inForce(), everyMs: config.proofEvery * 1_000, logger });
}

function protectorOf({ enforcer, logger, openRoot, hostGuard }: AgentParts, governor: () => Governor, onChange: () => void): Protector {
  return new Protector({
    onChange,
    enforcer,
    logger,
    visibilityOf: (workload) => visibilityOf(seenOf(workload, governor().config)),
    selects: (policy, workload) => governor().selects(policy, workload),
    ...(hostGuard === undefined ? {} : { guard: hostGuard }),
    ...(openRoot === undefined ? {} : { openRoot }),
  });
}

const servicesOf = ({ feed, logger }: AgentParts, protector: Protector, governor: Governor): GrpcService[] => [
  logService(feed),
  policyService(governor.answers, logger),
  probeService(
    () => protector.status(),
    () => governor.policies(),
  ),
];

/** What logs tell of a workload. */
const seenOf = ({ kind, visibility }: Workload, config: AgentConfig): ReadonlySet<string> =>
  visibility ?? (kind === 'host' ? config.hostVisibility : config.visibility);

/** Capabilities are told of as alerts only. */
function visibilityOf(visibility: ReadonlySet<string>): Visibility {
  return { process: visibility.has('process'), file: visibility.has('file'), network: visibility.has('network') };
}

const hostFacts = ({ hostPolicies, hostPostures, hostVisibility }: AgentConfig): ProbeFacts['host'] =>
  hostPolicies ? { postures: hostPostures, visibility: hostVisibility } : undefined;

interface Pumping {
  readonly protector: Protector;
  readonly governor: Governor;
  readonly prover: Prover;
  /** What happened while no agent ran waits for the readers that the agent before us had. */
  readonly waits: boolean;
  readonly signal: AbortSignal;
}

async function pump(parts: AgentParts, { protector, governor, prover, waits, signal }: Pumping): Promise<void> {
  const { feed } = parts;
  const until = performance.now() + (waits ? RETURN_MS : 0);
  while (performance.now() < until && feed.stats('alerts').subscribers === 0 && !signal.aborted)
    await sleep(RETURN_POLL_MS, undefined, { signal }).catch(() => {});
  const workloadOf = (scope: number): Workload | undefined => protector.workloadOf(scope);
  const events = pumpEvents(
    {
      ...parts,
      takes: (event) => prover.takes(event),
      workloadOf,
      visibilityOf: (workload) => seenOf(workload, governor.config),
      get dropProcessResource() {
        return governor.config.dropProcessResource;
      },
    },
    signal,
  );
  await Promise.all([events, prover.run(signal)]);
}

interface ProbeKeeping {
  readonly governor: Governor;
  readonly integrity: IntegrityWatch;
  readonly traces: TraceWatch;
  readonly prover: Prover;
  readonly addresses: readonly string[];
  readonly signal: AbortSignal;
}

async function keepProbeFiles(parts: AgentParts, { governor, integrity, traces, prover, addresses, signal }: ProbeKeeping): Promise<void> {
  const { enforcer, runtime, logger } = parts;
  const files = new ProbeFiles(logger);
  while (!signal.aborted) {
    integrity.check();
    traces.check();
    const policies = governor.status();
    const { config } = governor;
    const facts = {
      ...parts.host,
      version: parts.names.version,
      enforcer: enforcer.report.name,
      node: nodeStatus(enforcer.report, runtime.state, policies, [
        ...integrity.reasons(),
        ...traces.remarks(),
        ...governor.remarks(),
        ...proofReasons(prover.summary()),
      ]),
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
