// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import { CONTROLLER_LEASE, CORE, NODE_REPORTS, POLICY_KINDS, WEBHOOK_CONFIGURATIONS, NAMES, nodeLeaseName, policyRef } from '#cluster';
import type { Moment } from '#cluster';
import { follow, Followed, lead, WorkQueue } from '#k8s';
import type { Following, KubeApi, KubeObject, OnFailure } from '#k8s';
import type { PolicyKind } from '#policy';
import { Certificates } from './certificates.ts';
import { ClusterState } from './cluster-state.ts';
import type { Touched } from './cluster-state.ts';
import type { CountedNodes } from './known-nodes.ts';
import { Metrics } from './metrics.ts';
import { tellManagerChange } from './policy-events.ts';
import { Reviews } from './reviews.ts';
import type { StartThread } from './reviews.ts';
import { SpecManagers } from './spec-managers.ts';
import { FIELD_MANAGER, StatusWriter } from './status-writer.ts';

export interface ControllerOptions {
  readonly namespace: string;
  /** Of this replica, unique. */
  readonly holder: string;
  readonly countedNodes: CountedNodes;
  /** DNS names of the webhooks. */
  readonly hosts: readonly string[];
}

/** What it works with. */
export interface ControllerParts {
  readonly api: KubeApi;
  readonly startThread: StartThread;
  readonly logger: Logger;
  readonly steadyMs: () => number;
  readonly wallMs: () => number;
  /** Told when the Secret has been read, or has changed. */
  readonly onCertificates: () => void;
}

const LEASE_S = 15;
const STATUS_WORKERS = 4;
/** Certificates are looked at so often; a step is due on the day. */
const CERTIFICATES_EVERY_MS = 60_000;
const CERTIFICATES = 'certificates';

/**
 * One replica: it follows the cluster, and knows what the webhooks answer with. While it leads it writes the statuses of policies and
 * keeps the certificates.
 */
export class Controller implements Disposable {
  readonly state: ClusterState;
  readonly reviews: Reviews;
  readonly certificates: Certificates;
  readonly metrics = new Metrics();
  readonly #options: ControllerOptions;
  readonly #parts: ControllerParts;
  readonly #writer: StatusWriter;
  readonly #managers = new SpecManagers();
  readonly #followed = new Followed(() => this.#touch('all'));
  readonly #certificatesFollowed = new Followed(() => this.#queues?.certificates.add(CERTIFICATES));
  /** While this replica leads. */
  #queues: { readonly statuses: WorkQueue; readonly certificates: WorkQueue } | undefined;
  #alarm: { readonly dueMs: number; readonly timer: NodeJS.Timeout } | undefined;

  constructor(options: ControllerOptions, parts: ControllerParts) {
    this.#options = options;
    this.#parts = parts;
    const { api, logger, steadyMs, wallMs } = parts;
    this.state = new ClusterState(options.countedNodes);
    this.reviews = new Reviews(parts.startThread, (ref, generation, problems) => this.#taken(ref, generation, problems), logger);
    const onWritten = (): void => this.metrics.add('kubearmor_controller_status_writes_total');
    this.#writer = new StatusWriter({ api, state: this.state, steadyMs, now: () => new Date(wallMs()), onWritten });
    const { hosts } = options;
    const onStep = (step: string): void => this.metrics.add('kubearmor_controller_certificate_steps_total', { step });
    this.certificates = new Certificates({ api, hosts, wallMs, steadyMs, logger, onStep });
  }

  /** Everything of the cluster is known as it is now. */
  get isSettled(): boolean {
    return this.#followed.isSettled;
  }

  get waitsFor(): readonly string[] {
    return [...this.#followed.waitsFor, ...this.#certificatesFollowed.waitsFor];
  }

  get isLeading(): boolean {
    return this.#queues !== undefined;
  }

  /** Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const end = (): void => stop.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const all = [...this.#follows(stop.signal), this.#lead(stop.signal)].map((one) => one.finally(end));
      await Promise.allSettled(all);
      await Promise.all(all); // throws what one of them threw, now that the others have ended
    } finally {
      signal.removeEventListener('abort', end);
      clearTimeout(this.#alarm?.timer);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#alarm?.timer);
    this.reviews[Symbol.dispose]();
  }

  #follows(signal: AbortSignal): Promise<void>[] {
    const { api } = this.#parts;
    const { namespace } = this.#options;
    const kinds = Object.keys(POLICY_KINDS) as PolicyKind[];
    const onFailure: OnFailure = (object, error) => this.#failed(object, error);
    const target = (following: Following): Target => ({ followed: this.#followed, following, onFailure });
    const named = (name: string): { fieldSelector: string } => ({ fieldSelector: `metadata.name=${name}` });
    const certificate = (following: Following): Target => ({ followed: this.#certificatesFollowed, following, onFailure });
    return [
      ...kinds.map((kind) =>
        follow(api, { kind: POLICY_KINDS[kind], selection: { managedFields: true } }, target(this.#policies(kind)), signal),
      ),
      follow(api, { kind: NODE_REPORTS, selection: {} }, target(this.#reports()), signal),
      follow(api, { kind: CORE.leases, selection: { namespace } }, target(this.#leases()), signal),
      follow(api, { kind: CORE.nodes, selection: {} }, target(this.#nodes()), signal),
      follow(api, { kind: CORE.secrets, selection: { namespace, ...named(NAMES.webhookSecret) } }, certificate(this.#secret()), signal),
      follow(api, { kind: WEBHOOK_CONFIGURATIONS, selection: named(NAMES.validatingWebhook) }, certificate(this.#configuration()), signal),
    ];
  }

  #failed({ kind, name }: { readonly kind: string; readonly name: string }, error: unknown): void {
    this.metrics.add('kubearmor_controller_object_failures_total', { kind });
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#parts.logger.error('taking in an object failed: it counts as it was before', { kind, name, cause });
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { api, logger } = this.#parts;
    const { namespace, holder } = this.#options;
    const lease = { ref: { name: CONTROLLER_LEASE, namespace }, holder, durationS: LEASE_S, fieldManager: FIELD_MANAGER, logger };
    await lead(api, lease, (leading) => this.#work(leading), signal);
  }

  async #work(leading: AbortSignal): Promise<void> {
    const { logger } = this.#parts;
    const statuses = new WorkQueue({ work: (ref, signal) => this.#writeStatus(ref, signal), workers: STATUS_WORKERS, logger });
    const certificates = new WorkQueue({ work: (_, signal) => this.#maintain(signal), logger, pauses: { firstMs: 1_000, maxMs: 30_000 } });
    this.#queues = { statuses, certificates };
    this.metrics.set('kubearmor_controller_leader', 1);
    this.#touch('all');
    certificates.add(CERTIFICATES);
    try {
      await Promise.all([statuses.run(leading), certificates.run(leading)]);
    } finally {
      this.#queues = undefined;
      this.metrics.set('kubearmor_controller_leader', 0);
    }
  }

  async #writeStatus(ref: string, signal: AbortSignal): Promise<void> {
    if (!this.#followed.isSettled) return; // all come again when it is
    const againMs = await this.#writer.write(ref, signal);
    if (againMs !== undefined) this.#queues?.statuses.addAfter(ref, againMs);
  }

  async #maintain(signal: AbortSignal): Promise<void> {
    if (!this.#certificatesFollowed.isSettled) return;
    await this.certificates.maintain(signal);
    this.#parts.onCertificates();
    this.#queues?.certificates.addAfter(CERTIFICATES, CERTIFICATES_EVERY_MS);
  }

  #taken(ref: string, generation: number, problems: readonly string[]): void {
    if (this.state.putProblems(ref, generation, problems)) this.#touch([ref]);
  }

  #touch(touched: Touched): void {
    for (const ref of touched === 'all' ? this.state.refs : touched) this.#queues?.statuses.add(ref);
  }

  /** Time alone changes statuses: a Lease turns stale, a node is without an agent for too long. */
  #setAlarm(): void {
    const nowMs = this.#parts.steadyMs();
    clearTimeout(this.#alarm?.timer);
    // Setting it anew must not lose the one that is due in this very moment.
    if (this.#alarm !== undefined && this.#alarm.dueMs <= nowMs) this.#touch('all');
    const dueMs = this.state.nextChangeMs(nowMs);
    if (dueMs === undefined) this.#alarm = undefined;
    else this.#alarm = { dueMs, timer: setTimeout(() => this.#setAlarm(), Math.max(1, Math.ceil(dueMs - nowMs))).unref() };
  }

  #moment(): Moment {
    return { steadyMs: this.#parts.steadyMs(), wallMs: this.#parts.wallMs() };
  }

  #policies(kind: PolicyKind): Following {
    const remove = (ref: string): void => {
      this.state.removePolicy(ref);
      this.reviews.remove(ref);
      this.#managers.forget(ref);
    };
    return {
      names: () => this.state.refsOf(kind),
      nameOf: ({ metadata: { name, namespace = '' } }) => policyRef({ kind, namespace, name }),
      remove,
      put: (object) => {
        const { ref, isNew } = this.state.putPolicy(kind, object);
        this.#noteManager(kind, object);
        if (isNew) this.reviews.upsert({ ref, kind, generation: object.metadata.generation ?? 0, object: bare(object) });
        this.#touch([ref]);
      },
    };
  }

  #noteManager(kind: PolicyKind, object: KubeObject): void {
    const change = this.#managers.note(kind, object);
    if (change === undefined || !this.isLeading) return;
    const { api, logger, wallMs } = this.#parts;
    this.metrics.add('kubearmor_controller_policy_manager_changes_total');
    tellManagerChange(api, change, new Date(wallMs())).catch((error: unknown) => {
      if (!(error instanceof KubeArmorError)) throw error;
      logger.warn(error.message, { code: error.code });
    });
  }

  #reports(): Following {
    return {
      names: () => this.state.reportNames,
      remove: (name) => this.#touch(this.state.removeReport(name)),
      put: (object) => {
        this.#touch(this.state.putReport(object));
        this.#setAlarm();
      },
    };
  }

  #leases(): Following {
    const isNodes = (name: string): boolean => name.startsWith(nodeLeaseName(''));
    return {
      names: () => this.state.leaseNames,
      remove: (name) => {
        if (isNodes(name)) this.#touch(this.state.removeLease(name));
      },
      put: (object, wasWatched) => {
        if (!isNodes(object.metadata.name)) return;
        this.#touch(this.state.putLease(object, this.#moment(), wasWatched));
        this.#setAlarm();
      },
    };
  }

  #nodes(): Following {
    const { nodes } = this.state;
    return {
      names: () => nodes.names,
      remove: (name) => {
        nodes.remove(name);
        this.#touch('all');
      },
      put: (object, wasWatched) => {
        if (nodes.put(object, this.#moment(), wasWatched)) this.#touch('all');
        this.#setAlarm();
      },
    };
  }

  #secret(): Following {
    return this.#one((secret) => {
      this.certificates.putSecret(secret);
      this.#parts.onCertificates();
    }, NAMES.webhookSecret);
  }

  #configuration(): Following {
    return this.#one((configuration) => this.certificates.putConfiguration(configuration), NAMES.validatingWebhook);
  }

  /** Of one object by its name. */
  #one(take: (object: KubeObject | undefined) => void, name: string): Following {
    const told = (object: KubeObject | undefined): void => {
      take(object);
      this.#queues?.certificates.add(CERTIFICATES);
    };
    return { names: () => [name], put: (object) => told(object), remove: () => told(undefined) };
  }
}

interface Target {
  readonly followed: Followed;
  readonly following: Following;
  readonly onFailure: OnFailure;
}

/** What a review reads: who wrote which part, and the status, are not among it. */
function bare({ metadata, ...object }: KubeObject): unknown {
  const { managedFields: _fields, ...rest } = metadata;
  return { ...object, metadata: rest, status: {} };
}
