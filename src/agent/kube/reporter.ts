// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import { FRESH_MS, NODE_REPORTS, nodeLeaseName, RENEW_MS } from '#cluster';
import type { NodeReport } from '#cluster';
import { renewLease } from '#k8s';
import type { KubeApi, OwnerReference } from '#k8s';
import { mergePatch } from './merge-patch.ts';
import { ReportPace } from './report-pace.ts';

export interface ReporterOptions {
  readonly api: KubeApi;
  readonly nodeName: string;
  /** Where the Lease is. */
  readonly namespace: string;
  /** Of the Node, to which what is written belongs; undefined while it is not known: nothing is written then. */
  readonly nodeUid: () => string | undefined;
  readonly report: () => NodeReport;
  readonly logger: Logger;
  readonly everyMs?: number;
  readonly renewMs?: number;
  /** By a clock that never jumps: a node whose clock is set back renews its Lease all the same. */
  readonly steadyMs?: () => number;
}

const BY = { fieldManager: 'kubearmor-agent' } as const;
/** The rate that ADR 23 allows; `ReportPace` makes it less where there are many policies. */
const EVERY_MS = 1_000;
/** Between tries where it cannot be written. */
const PAUSE_MAX_MS = 8_000;
/** What somebody else wrote into the report is set right by then. */
const READ_AGAIN_MS = 600_000;

/** Writes the node's report where it changed, and renews the node's Lease while the report that is there holds. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #steadyMs: () => number;
  readonly #pace = new ReportPace();
  /** What the server has; undefined: not known. */
  #written: Readonly<Record<string, unknown>> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;
  /** In a row. */
  #failures = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#steadyMs = options.steadyMs ?? (() => performance.now());
  }

  /** Why the report is not written; undefined: it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.round(signal);
      const pauseMs = Math.min(PAUSE_MAX_MS, (this.#options.everyMs ?? EVERY_MS) * 2 ** this.#failures);
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** Writes what changed, and renews the Lease if it is time. */
  async round(signal?: AbortSignal): Promise<void> {
    const { nodeUid, logger } = this.#options;
    const uid = nodeUid();
    if (uid === undefined || uid === '') return;
    try {
      const owner = { apiVersion: 'v1', kind: 'Node', name: this.#options.nodeName, uid };
      // A Lease says that the report that is there holds.
      if (await this.#writeReport(owner, signal)) await this.#renew(owner, signal);
      if (this.#problem !== undefined) logger.info('the node’s report is written again');
      this.#problem = undefined;
      this.#failures = 0;
    } catch (error) {
      if (signal?.aborted === true) return;
      if (!(error instanceof KubeArmorError)) throw error;
      if (this.#problem === undefined) logger.warn('the node’s report is not written; it is tried again and again', { why: error.message });
      this.#problem = error.message;
      this.#failures++;
      this.#written = undefined;
    }
  }

  /** @returns whether the server has what is to be said now */
  async #writeReport(owner: OwnerReference, signal: AbortSignal | undefined): Promise<boolean> {
    const { api, nodeName, report } = this.#options;
    if (this.#steadyMs() - this.#readAt > READ_AGAIN_MS) this.#written = undefined;
    this.#written ??= await this.#read(owner, signal);
    const said = report();
    const status = asJson(said);
    const patch = mergePatch(this.#written, status);
    if (patch === undefined) return true;
    const beganMs = this.#steadyMs();
    if (!this.#pace.mayWrite(beganMs)) return false;
    try {
      await api.patch(NODE_REPORTS, { name: nodeName }, { status: patch }, { ...BY, subresource: 'status', ...signalOf(signal) });
    } finally {
      this.#pace.wrote(beganMs, Object.keys(said.policies ?? {}).length, this.#steadyMs() - beganMs);
    }
    this.#written = status;
    return true;
  }

  async #read(owner: OwnerReference, signal: AbortSignal | undefined): Promise<Readonly<Record<string, unknown>>> {
    const { api, nodeName: name } = this.#options;
    const found =
      (await api.get(NODE_REPORTS, { name }, signal)) ??
      (await api.create(
        NODE_REPORTS,
        {
          apiVersion: `${NODE_REPORTS.group}/${NODE_REPORTS.version}`,
          kind: NODE_REPORTS.kind,
          metadata: { name, ownerReferences: [owner] },
        },
        { ...BY, ...signalOf(signal) },
      ));
    this.#readAt = this.#steadyMs();
    const status = found['status'];
    return typeof status === 'object' && status !== null ? { ...status } : {};
  }

  async #renew(owner: OwnerReference, signal: AbortSignal | undefined): Promise<void> {
    const { api, namespace, nodeName, renewMs = RENEW_MS } = this.#options;
    const now = this.#steadyMs();
    if (now - this.#renewedAt < renewMs) return;
    await renewLease(
      api,
      {
        ref: { namespace, name: nodeLeaseName(nodeName) },
        holder: nodeName,
        durationS: FRESH_MS / 1_000,
        ownerReferences: [owner],
        ...BY,
      },
      signal,
    );
    this.#renewedAt = now;
  }
}

const signalOf = (signal: AbortSignal | undefined): { readonly signal?: AbortSignal } => (signal === undefined ? {} : { signal });

/** As the server keeps it: without what is undefined. */
const asJson = (report: NodeReport): Readonly<Record<string, unknown>> =>
  JSON.parse(JSON.stringify(report)) as Readonly<Record<string, unknown>>;
