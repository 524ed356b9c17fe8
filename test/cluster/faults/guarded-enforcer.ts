// SPDX-License-Identifier: Apache-2.0
import type { ProtectOptions } from '#enforce';
import type { KernelEvent } from '#events';
import { FakeEnforcer } from '../../../src/agent/testing/fake-enforcer.ts';

/**
 * The kernel's part over the lives of several agents: it looks at every order it gets whether a policy that stands is still in force.
 * What happens while no agent reads waits for the next one, as in a pinned ring.
 */
export class GuardedEnforcer extends FakeEnforcer {
  /** Each moment in which a policy that stands was not in force; empty: there was none. */
  readonly breaches: string[] = [];
  readonly #standing = new Map<string, ReadonlySet<string>>();
  /** By the agent that runs now. */
  readonly #orderedNow = new Set<string>();
  #isRead = false;

  /** From now on these policies, and perhaps others, are in force for the workload. */
  stand(key: string, policies: readonly string[]): void {
    this.#standing.set(key, new Set(policies));
    this.#check(key, 'when it began');
  }

  /** The workload is gone: nothing has to be in force for it. */
  forget(key: string): void {
    this.#standing.delete(key);
  }

  /** Another agent begins with what this one left. */
  handOver(): void {
    this.#orderedNow.clear();
    this.isDisposed = false;
  }

  override protect(key: string, options: ProtectOptions): void {
    super.protect(key, options);
    this.#orderedNow.add(key);
    this.#check(key, 'protect');
  }

  override release(key: string): void {
    super.release(key);
    this.#check(key, 'release');
  }

  override dropOthers(): void {
    super.dropOthers();
    for (const key of this.protected.keys()) {
      if (this.#orderedNow.has(key)) continue;
      this.protected.delete(key);
      this.#check(key, 'dropOthers');
    }
  }

  override async watch(onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void> {
    this.#isRead = true;
    try {
      await super.watch(onEvent, signal);
    } finally {
      this.#isRead = false;
    }
  }

  override emit(event: KernelEvent): void {
    if (this.#isRead) super.emit(event);
    else this.unread.push(event);
  }

  #check(key: string, order: string): void {
    const standing = this.#standing.get(key);
    if (standing === undefined) return;
    const inForce = new Set((this.protected.get(key)?.ruleSet?.rules ?? []).map(({ policy }) => policy));
    const missing = [...standing].filter((policy) => !inForce.has(policy));
    if (missing.length > 0) this.breaches.push(`${order} ${key}: ${missing.join(', ')} not in force`);
  }
}
