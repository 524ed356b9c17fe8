// SPDX-License-Identifier: Apache-2.0
import { noLogger } from '#base';
import { WEBHOOK_CONFIGURATIONS, webhookConfiguration } from '#cluster';
import type { KubeApi } from '#k8s';
import { FakeKubeApi } from '#k8s/testing';
import { Controller } from '../../../src/controller/controller.ts';
import { localReviews } from '../../../src/controller/testing/local-reviews.ts';

/** Where faults are played: an API server in memory, or a real one. */
export interface Stage {
  /** The administrator's, past whatever lies between. */
  readonly api: KubeApi;
  /** The programs' own. */
  readonly far: KubeApi;
  /** How long a fault lasts. */
  readonly faultMs: number;
  /** Between two cuts of all connections. */
  readonly cutEveryMs: number;
  /** How soon everything has to be as it should be once a fault is over. */
  readonly convergeMs: number;
  /** Whether there is time to wait for what happens every 15 s. */
  readonly isSlow: boolean;
  /** The API server goes away, and is there again. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** Connections are cut; they can be made anew at once. */
  cut(): void;
  /** Watches are away while something is written, and the server forgets all versions before it: 410. */
  forget(write: () => Promise<void>): Promise<void>;
  /** Of this version, until disposed. */
  startController(holder: string): Promise<AsyncDisposable>;
}

/** An API server in memory. */
export class FakeStage implements Stage {
  readonly api = new FakeKubeApi();
  readonly far: KubeApi = this.api;
  readonly faultMs = 1_500;
  readonly cutEveryMs = 250;
  readonly convergeMs = 30_000;
  readonly isSlow = false;

  constructor() {
    this.api.seed(WEBHOOK_CONFIGURATIONS, webhookConfiguration('kubearmor'));
  }

  goAway(): Promise<void> {
    this.api.goAway();
    return Promise.resolve();
  }

  comeBack(): Promise<void> {
    this.api.comeBack();
    return Promise.resolve();
  }

  cut(): void {
    this.api.cutWatches();
  }

  async forget(write: () => Promise<void>): Promise<void> {
    this.api.holdWatches();
    await write();
    this.api.expireWatches();
  }

  startController(holder: string): Promise<AsyncDisposable> {
    const stop = new AbortController();
    const options = { namespace: 'kubearmor', holder, countedNodes: 'reached' as const, hosts: ['webhooks.example'] };
    const controller = new Controller(options, {
      api: this.api,
      startThread: localReviews,
      logger: noLogger,
      steadyMs: () => performance.now(),
      wallMs: () => Date.now(),
      onCertificates: () => {},
    });
    const done = controller.run(stop.signal);
    const end = async (): Promise<void> => {
      stop.abort();
      await done;
      controller[Symbol.dispose]();
    };
    return Promise.resolve({ [Symbol.asyncDispose]: end });
  }
}
