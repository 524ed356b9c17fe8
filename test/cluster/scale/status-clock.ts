// SPDX-License-Identifier: Apache-2.0
import { POLICY_KINDS, readConditions } from '#cluster';
import type { KubeApi, KubeObject } from '#k8s';
import { until } from '../../vm/running.ts';

/** How long policies take from `create` until their status says that they are enforced, as a client that watches sees it. */
export class StatusClock implements AsyncDisposable {
  readonly #api: KubeApi;
  readonly #startedMs = new Map<string, number>();
  readonly #tookMs = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(api: KubeApi) {
    this.#api = api;
    this.#done = this.#follow();
  }

  async create(policy: KubeObject): Promise<void> {
    this.#startedMs.set(policy.metadata.name, performance.now());
    await this.#api.create(POLICY_KINDS.KubeArmorPolicy, policy, { fieldManager: 'bench' });
  }

  /** Waits until all that were created are enforced. @returns milliseconds of these, ascending */
  async enforced(names: readonly string[], withinMs: number): Promise<number[]> {
    await until(`${names.length} policies are enforced`, () => names.every((name) => this.#tookMs.has(name)), withinMs);
    return names.map((name) => this.#tookMs.get(name) ?? 0).toSorted((a, b) => a - b);
  }

  get enforcedCount(): number {
    return this.#tookMs.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #follow(): Promise<void> {
    for await (const change of this.#api.watch(POLICY_KINDS.KubeArmorPolicy, {}, this.#stop.signal)) {
      if (change.kind === 'modified') this.#look(change.object);
      if (change.kind === 'synced') change.objects.forEach((object) => this.#look(object));
    }
  }

  #look({ metadata: { name, generation }, ...policy }: KubeObject): void {
    const startedMs = this.#startedMs.get(name);
    if (startedMs === undefined || this.#tookMs.has(name)) return;
    const found = readConditions(policy['status']).conditions.find(({ type }) => type === 'Enforced');
    // With workloads: that there are none is true at once.
    if (found?.status === 'True' && found.reason === 'Enforced' && found.observedGeneration === generation)
      this.#tookMs.set(name, performance.now() - startedMs);
  }
}
