// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIssue, KubeArmorError } from '#base';
import type { Logger } from '#base';
import { CORE, NAMES, POLICY_KINDS } from '#cluster';
import type { NodeReport } from '#cluster';
import type { Enforcer } from '#enforce';
import type { KubeApi, WatchChange } from '#k8s';
import type { PolicyKind } from '#policy';
import type { BoundWorkload, WorkloadSettings } from '#workloads';
import type { AgentConfig } from '../config.ts';
import { kindsOf } from '../folder-governor.ts';
import type { Governor, Ground } from '../governor.ts';
import { nodeStatus } from '../node-status.ts';
import type { Remark } from '../node-status.ts';
import { PolicyJudge } from '../policy-judge.ts';
import type { KeeperStatus } from '../policy-keeper.ts';
import type { StoredPolicy } from '../policy-store.ts';
import type { Proofs } from '../proof/port.ts';
import type { Protector } from '../protector.ts';
import type { RuntimeSource } from '../runtime-source.ts';
import type { ClusterCache } from './cache.ts';
import { ClusterView } from './cluster-view.ts';
import { Follower } from './follow-kind.ts';
import type { Following } from './follow-kind.ts';
import { ClusterPolicies, refOf, selectsInCluster } from './policies.ts';
import type { KnownPolicy } from './policies.ts';
import { ReportedProofs } from './proof.ts';
import { nodeReport } from './report.ts';
import { Reporter } from './reporter.ts';
import { RestAfter } from './rest-after.ts';

/** What makes a node one of a cluster's. */
export interface ClusterParts {
  readonly api: KubeApi;
  readonly nodeName: string;
  /** The agent's own. */
  readonly namespace: string;
  /** How long an agent without a cache waits for the API server. */
  readonly initTimeoutMs: number;
  readonly cache: ClusterCache;
  /** Active security modules in their order. */
  readonly lsm: readonly string[];
  readonly architecture: string;
  /** Ends the wait for the API server; absent: it is waited for. */
  readonly stopping?: AbortSignal;
}

export interface ClusterGovernorOptions {
  readonly config: AgentConfig;
  readonly cluster: ClusterParts;
  readonly enforcer: Pick<Enforcer, 'report'>;
  readonly runtime: Pick<RuntimeSource, 'state'>;
  readonly names: { readonly version: string };
  readonly host: { readonly kernelRelease: string; readonly osImage: string };
  readonly protector: Protector;
  readonly proofs: Proofs;
  readonly logger: Logger;
}

/** An agent that knows what counted last waits so long for what counts now. */
const KNOWN_WAIT_MS = 3_000;
const CACHE_EVERY_MS = 2_000;
/** Of its time an agent writes down what it knows at most one part in so many. */
const CACHE_REST_FACTOR = 20;
/** Policies that come one by one are taken into force together: each time every workload is held against all of them. */
const APPLY_REST_FACTOR = 4;
const APPLY_REST_MAX_MS = 500;
const KINDS = Object.keys(POLICY_KINDS) as PolicyKind[];

/** A node of a cluster: the API server says what counts, and while it is away what it said last. */
export class ClusterGovernor implements Governor {
  readonly workloadSettings: WorkloadSettings;
  readonly selects = selectsInCluster;
  readonly answers = { off: 'inside Kubernetes policies come from the API server: use kubectl apply' } as const;
  readonly #options: ClusterGovernorOptions;
  readonly #view: ClusterView;
  readonly #judge: PolicyJudge;
  readonly #policies: ClusterPolicies;
  readonly #follower: Follower;
  readonly #reporter: Reporter;
  readonly #proofs: ReportedProofs;
  readonly #startedAt = new Date().toISOString();
  #ground: Ground | undefined;
  #notInForce: readonly string[] = [];
  #isApplying = false;
  readonly #applyRest = new RestAfter(APPLY_REST_FACTOR, APPLY_REST_MAX_MS);
  /** Something is known that is not kept yet. */
  #isChanged = true;

  constructor(options: ClusterGovernorOptions) {
    const { config, cluster, logger } = options;
    this.#options = options;
    this.#view = new ClusterView(config, cluster.nodeName);
    this.#judge = new PolicyJudge(kindsOf(config));
    this.#policies = new ClusterPolicies(this.#judge);
    this.#proofs = new ReportedProofs(options.proofs);
    this.#follower = new Follower(cluster.api, logger);
    this.workloadSettings = this.#view.workloadSettings;
    this.#reporter = new Reporter({
      ...cluster,
      nodeUid: () => this.#view.node.get()?.uid,
      report: () => this.#report(),
      logger,
    });
  }

  get config(): AgentConfig {
    return this.#view.config;
  }

  host(): BoundWorkload {
    return this.#view.host();
  }

  isKnown(bound: BoundWorkload): boolean {
    return this.#view.isKnown(bound, this.#follower);
  }

  async start(ground: Ground): Promise<void> {
    const { cluster } = this.#options;
    const kept = await cluster.cache.load();
    if (kept !== undefined) {
      this.#view.load(kept);
      this.#policies.load(kept.policies);
    }
    this.#ground = ground;
    this.#apply();
    ground.run(this.#follower.follow(this.#followings(), ground.signal));
    const isSynced = await this.#firstSync(ground, kept === undefined ? cluster.initTimeoutMs : KNOWN_WAIT_MS);
    if (!isSynced && kept === undefined) throw this.#unknown();
    this.#apply();
    this.#noteFolder();
    ground.run(this.#keepReporting(ground));
    ground.run(this.#keepCache(ground.signal));
  }

  status(): KeeperStatus {
    const known = this.#policies.list();
    return {
      policies: this.#judge.statuses(this.policies(), this.#options.protector.status()),
      files: known.filter(({ issues }) => issues.length > 0).map((policy) => ({ path: refOf(policy), problem: refusalText(policy) })),
      workloads: this.#notInForce,
    };
  }

  policies(): readonly StoredPolicy[] {
    return this.#policies
      .list()
      .flatMap((known) => (known.good === undefined ? [] : [{ policy: known.good.policy, path: refOf(known), isBackup: false }]));
  }

  remarks(): readonly Remark[] {
    const { problem } = this.#reporter;
    const cure = 'is the API server up, and may the agent write it?';
    return [
      ...this.#remarks(),
      ...(problem === undefined ? [] : [{ problem: `the node’s report is not written: ${problem}`, cure, isNote: true }]),
    ];
  }

  #remarks(): Remark[] {
    const { problem: kept } = this.#options.cluster.cache;
    return [
      ...this.#awayRemarks(),
      ...(kept === undefined
        ? []
        : [
            {
              problem: `what is known of the cluster is not kept: ${kept}`,
              cure: 'see stateDir; the next agent needs the API server',
              isNote: true,
            },
          ]),
      ...this.#view.remarks(),
    ];
  }

  #followings(): Following[] {
    const { nodeName, namespace } = this.#options.cluster;
    const own = { fieldSelector: `metadata.name=${nodeName}` };
    const configMap = { namespace, fieldSelector: `metadata.name=${NAMES.configMap}` };
    return [
      ...KINDS.map((kind) => ({
        kind: POLICY_KINDS[kind],
        selection: {},
        take: (change: WatchChange) => this.#takePolicies(kind, change),
      })),
      { kind: CORE.nodes, selection: own, take: (change) => this.#takeNode(change) },
      { kind: CORE.configMaps, selection: configMap, take: (change) => this.#takeConfig(change) },
      { kind: CORE.namespaces, selection: {}, take: (change) => this.#takeNamespaces(change) },
      { kind: CORE.pods, selection: { fieldSelector: `spec.nodeName=${nodeName}` }, take: (change) => this.#takePods(change) },
    ];
  }

  #takeNode(change: WatchChange): void {
    if (!this.#view.node.take(change)) return;
    this.#isChanged = true;
    this.#ground?.onHostChange();
  }

  #takePods(change: WatchChange): void {
    const uids = this.#view.pods.take(change);
    if (uids.size > 0) this.#isChanged = true;
    if (uids.size > 0) this.#ground?.workloads.review(({ pod }) => pod !== undefined && uids.has(pod.podUid));
    this.#ground?.onMoreKnown();
  }

  #takeNamespaces(change: WatchChange): void {
    const names = this.#view.namespaces.take(change);
    if (names.size > 0) this.#isChanged = true;
    if (names.size > 0) this.#ground?.workloads.review(({ pod }) => pod !== undefined && names.has(pod.namespace));
    this.#ground?.onMoreKnown();
  }

  #takeConfig(change: WatchChange): void {
    const before = this.#view.config;
    this.#view.takeConfig(change);
    if (this.#view.config === before) return;
    this.#isChanged = true;
    this.#ground?.workloads.review(() => true);
    this.#ground?.onHostChange();
  }

  #takePolicies(kind: PolicyKind, change: WatchChange): void {
    const touched = this.#policies.take(kind, change);
    if (touched.length === 0) return; // a status that was written: the controller does that all the time
    this.#isChanged = true;
    const { logger } = this.#options;
    for (const known of touched)
      if (known !== undefined && known.issues.length > 0) logger.warn(`${refOf(known)} is refused`, { why: refusalText(known) });
    logger.info('policies changed', { kind, changed: touched.length, policies: this.#policies.list().length });
    this.#applySoon();
  }

  /** Once for all that is told at the same time. */
  #applySoon(): void {
    if (this.#isApplying) return;
    this.#isApplying = true;
    const waitMs = this.#applyRest.waitMs(performance.now());
    if (waitMs === 0) setImmediate(() => this.#apply());
    else setTimeout(() => this.#apply(), waitMs);
  }

  #apply(): void {
    this.#isApplying = false;
    if (this.#ground?.signal.aborted !== false) return;
    const beganMs = performance.now();
    this.#notInForce = this.#options.protector.apply(this.#policies.active());
    this.#applyRest.worked(beganMs, performance.now());
  }

  async #firstSync({ failed, signal }: Ground, waitMs: number): Promise<boolean> {
    const synced = this.#follower.allSynced.then(() => true);
    const { stopping = signal } = this.#options.cluster;
    const late = sleep(waitMs, false, { signal: AbortSignal.any([signal, stopping]), ref: false }).catch(() => false);
    return await Promise.race([synced, late, failed]);
  }

  #unknown(): KubeArmorError {
    const { initTimeoutMs } = this.#options.cluster;
    const away = this.#follower.away().map(({ plural, why }) => `${plural}: ${why}`);
    return new KubeArmorError(
      'API_UNREACHABLE',
      `starting: nothing is known of the cluster, and within ${initTimeoutMs} ms (initTimeout) the API server did not tell: ${away.join('; ')}`,
    );
  }

  #awayRemarks(): Remark[] {
    const { nodeName } = this.#options.cluster;
    if (this.#follower.isCurrent(CORE.nodes) && this.#view.node.get() === undefined)
      return [{ problem: `the API server has no Node ${nodeName}: no pod of this node is known`, cure: 'set KUBEARMOR_NODENAME' }];
    const away = this.#follower.away();
    const [first] = away;
    if (first === undefined) return [];
    const whole = away.length === this.#follower.size; // the server, and not one kind
    const cure = 'what was known last stays in force; is the API server up, are the CRDs there, may the agent read them?';
    return (whole ? [{ ...first, plural: 'the API server' }] : away).map(({ plural, since, why }) => ({
      problem: `${plural} cannot be followed${since === undefined ? '' : ` since ${new Date(since).toISOString()}`}: ${why}`,
      cure,
    }));
  }

  #noteFolder(): void {
    const { policyDir } = this.#options.config;
    try {
      const files = readdirSync(policyDir).filter((name) => !name.startsWith('.'));
      if (files.length > 0)
        this.#options.logger.warn(`inside Kubernetes policies come from the API server: those in ${policyDir} do not count`, {
          files: files.length,
        });
    } catch {
      // no such folder: nobody expects anything of it
    }
  }

  async #keepReporting({ bound, signal }: Ground): Promise<void> {
    await Promise.race([bound, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
    await this.#reporter.run(signal);
  }

  async #keepCache(signal: AbortSignal): Promise<void> {
    const save = (): Promise<void> => this.#options.cluster.cache.save({ ...this.#view.state(), policies: this.#policies.kept() });
    let restMs = CACHE_EVERY_MS;
    while (!signal.aborted) {
      await sleep(restMs, undefined, { signal, ref: false }).catch(() => {});
      // before all was told it would be less than what is kept
      if (!this.#follower.isAllSynced || !this.#isChanged) continue;
      this.#isChanged = false;
      const beganMs = performance.now();
      await save();
      restMs = Math.max(CACHE_EVERY_MS, CACHE_REST_FACTOR * (performance.now() - beganMs));
      this.#isChanged ||= this.#options.cluster.cache.problem !== undefined; // tried again
    }
  }

  #report(): NodeReport {
    const { cluster, enforcer, runtime, names, host, protector } = this.#options;
    const node = this.#view.node.get();
    const others = [...(this.#ground?.remarks() ?? []), ...this.#remarks()];
    return nodeReport({
      agent: { version: names.version, startedAt: this.#startedAt },
      node: {
        kernel: host.kernelRelease,
        osImage: node?.osImage || host.osImage,
        architecture: cluster.architecture,
        runtime: node?.runtime ?? '',
        enforcer: enforcer.report.name,
        lsm: cluster.lsm,
      },
      nodeName: cluster.nodeName,
      nodeLabels: node?.labels ?? {},
      status: nodeStatus(enforcer.report, runtime.state, { policies: [], files: [], workloads: this.#notInForce }, others),
      policies: this.#policies.list(),
      workloads: protector.status(),
      judge: this.#judge,
      proofs: this.#proofs,
    });
  }
}

function refusalText({ issues, good }: KnownPolicy): string {
  const [first] = issues;
  const text = first === undefined ? '' : formatIssue(first);
  const more = issues.length > 1 ? ` and ${issues.length - 1} more` : '';
  return `${text}${more}${good === undefined ? '' : `; generation ${good.generation} stays in force`}`;
}
