// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { noLogger } from '#base';
import type { Enforcer } from '#enforce';
import type { Alert, Log } from '#events';
import { openBootClock } from '#host';
import type { Workload } from '#policy';
import { pumpEvents } from '../../src/agent/event-pump.ts';

/** An alert or a log as a stream would carry it. */
export type Told = { readonly kind: 'alert'; readonly record: Alert } | { readonly kind: 'log'; readonly record: Log };

const EVENTS_DEADLINE_MS = 10_000;
const NOTHING_LOST = { alerts: 0n, logs: 0n };

/** What the agent would tell of the kernel's events: the same pump, with a list instead of streams. */
export class Recorder {
  readonly told: Told[] = [];
  /** By the enforcer's key of a workload: who it is now. */
  workloadOf: (key: string) => Workload | undefined = () => undefined;
  readonly #settings = { dropProcessResource: false };
  readonly #enforcer: Enforcer;
  readonly #stop = new AbortController();
  readonly #pumping: Promise<void>;
  #received = 0;

  constructor(enforcer: Enforcer) {
    this.#enforcer = enforcer;
    this.#pumping = this.#pump();
  }

  set dropProcessResource(value: boolean) {
    this.#settings.dropProcessResource = value;
  }

  #pump(): Promise<void> {
    const clock = openBootClock();
    const lines = { write: () => {}, close: () => {}, lost: 0 };
    const settings = this.#settings;
    return pumpEvents(
      {
        enforcer: this.#counting(),
        workloadOf: (scopeId) => this.workloadOf(this.#enforcer.workloadOf(scopeId) ?? ''),
        feed: {
          publishAlert: (record) => void this.told.push({ kind: 'alert', record: record as Alert }),
          publishLog: (record) => void this.told.push({ kind: 'log', record: record as Log }),
          countLost: () => {}, // asked of the counters at the end
          stats: () => ({ subscribers: 1, published: 0n, lostQueue: 0n }) as never,
        },
        names: {
          clusterName: 'default',
          hostName: 'node',
          nodeId: 'node',
          version: 'conformance',
          wallClock: (bootNs) => new Date(clock.toWallMs(bootNs)),
        },
        // which logs there are is the enforcer's to decide, by workload
        visibilityOf: () => new Set(['process', 'file', 'network', 'capabilities']),
        get dropProcessResource() {
          return settings.dropProcessResource;
        },
        lines,
        json: undefined,
        toldLosses: { load: () => NOTHING_LOST, save: () => {} },
        logger: noLogger,
      },
      this.#stop.signal,
    );
  }

  #counting(): Pick<Enforcer, 'watch' | 'ruleOf' | 'counters' | 'report'> {
    const enforcer = this.#enforcer;
    return {
      report: enforcer.report,
      ruleOf: (imageId, ruleId) => enforcer.ruleOf(imageId, ruleId),
      counters: () => enforcer.counters(),
      watch: (onEvent, signal) =>
        enforcer.watch((event) => {
          this.#received += event.count;
          onEvent(event);
        }, signal),
    };
  }

  get lost(): number {
    const counters = this.#enforcer.counters();
    return Number(counters['alerts_lost']) + Number(counters['logs_lost']);
  }

  /** Waits until every event that the kernel generated came, repetitions too, which come seconds later. */
  async settle(): Promise<void> {
    const deadline = Date.now() + EVENTS_DEADLINE_MS;
    for (;;) {
      const { alerts, logs } = this.#enforcer.counters();
      const generated = Number(alerts) + Number(logs);
      if (this.#received + this.lost === generated) return;
      if (Date.now() > deadline)
        throw new Error(`the kernel generated ${generated} events: ${this.#received} came, ${this.lost} are counted as lost`);
      await sleep(10);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#pumping;
  }
}
