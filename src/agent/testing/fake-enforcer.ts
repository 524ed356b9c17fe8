// SPDX-License-Identifier: Apache-2.0
import type { KubeArmorError } from '#base';
import type { Counters, Enforcer, EnforcerReport, HeldTask, ProtectOptions, StartGate, Tampering, Usage } from '#enforce';
import type { KernelEvent } from '#events';
import type { RuleInfo } from '#policy';

/** A gate without a kernel: who waits is put in by `hold`. */
export class FakeGate implements StartGate {
  mode: 'open' | 'wait' | 'off' = 'off';
  expired = 0;
  readonly settled = new Set<bigint>();
  readonly settledBelow = new Set<bigint>();
  readonly waiting = new Map<number, HeldTask>();
  #onHeld: (() => void) | undefined;

  beat(whenSilent: 'open' | 'wait'): void {
    this.mode = whenSilent;
  }
  open(): void {
    this.mode = 'off';
  }
  held(): readonly HeldTask[] {
    return [...this.waiting.values()];
  }
  hold(pid: number, over: Partial<HeldTask> = {}): void {
    this.waiting.set(pid, { pid, cgroupId: 7n, startNs: 1n, heldMs: 0, ...over });
    this.#onHeld?.();
  }
  letGo(task: HeldTask, settle = false): void {
    this.waiting.delete(task.pid);
    if (settle) this.settled.add(task.cgroupId);
  }
  settle(cgroupId: bigint, childrenToo = false): void {
    this.settled.add(cgroupId);
    if (childrenToo) this.settledBelow.add(cgroupId);
  }
  unsettle(cgroupId: bigint): void {
    this.settled.delete(cgroupId);
  }
  countExpired(): void {
    this.expired++;
  }
  async watch(onHeld: () => void, signal: AbortSignal): Promise<void> {
    this.#onHeld = onHeld;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
}

/** An enforcer without a kernel: remembers what it was told. Events are put in by `emit`. */
export class FakeEnforcer implements Enforcer {
  readonly report: EnforcerReport = { name: 'FAKE', missing: [] };
  tellsApplets = true;
  readonly gate = new FakeGate();
  readonly protected = new Map<string, ProtectOptions>();
  readonly calls: string[] = [];
  counts: Record<string, bigint> = { alerts_lost: 0n, logs_lost: 0n };
  /** While set, `protect` throws it. */
  failure: KubeArmorError | undefined;
  /** What the next check of the kernel's state finds. */
  readonly tampered: Tampering[] = [];
  isDisposed = false;
  /** What an agent before left unread. */
  readonly unread: KernelEvent[] = [];
  readonly #scopes: string[] = [];
  #listener: ((event: KernelEvent) => void) | undefined;

  protect(key: string, options: ProtectOptions): void {
    if (this.failure !== undefined) throw this.failure;
    this.calls.push(`protect ${key} ${options.ruleSet?.rules.length ?? 'none'}`);
    if (!this.#scopes.includes(key)) this.#scopes.push(key);
    this.protected.set(key, options);
  }
  release(key: string): void {
    this.calls.push(`release ${key}`);
    this.protected.delete(key);
  }
  keys(): readonly string[] {
    return [...this.protected.keys()];
  }
  dropOthers(): void {
    this.calls.push('dropOthers');
  }
  guard(paths: readonly string[]): void {
    this.calls.push(`guard ${paths.join(' ')}`);
  }
  checkIntegrity(): readonly Tampering[] {
    return this.tampered.splice(0);
  }
  workloadOf(scopeId: number): string | undefined {
    return this.#scopes[scopeId - 1];
  }
  /** The scope of a key that was protected once. */
  scopeOf(key: string): number {
    return this.#scopes.indexOf(key) + 1;
  }
  /** Image ids stand for scopes here. */
  ruleOf(imageId: number, ruleId: number): RuleInfo | undefined {
    return this.protected.get(this.#scopes[imageId - 1] ?? '')?.ruleSet?.rules[ruleId];
  }
  async watch(onEvent: (event: KernelEvent) => void, signal: AbortSignal): Promise<void> {
    this.#listener = onEvent;
    for (const event of this.unread.splice(0)) onEvent(event);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    this.#listener = undefined;
  }
  emit(event: KernelEvent): void {
    this.#listener?.(event);
  }
  counters(): Counters {
    return this.counts;
  }
  usage(): Usage {
    return { images: 0, mapBytes: 0 };
  }
  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}
