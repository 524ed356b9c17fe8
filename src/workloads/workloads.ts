// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { noLogger } from '#base';
import type { Logger } from '#base';
import type { Container, ContainerChange, ContainerSource } from '#runtimes';
import { describeWorkload, identify } from './identify.ts';
import type { BoundWorkload, WorkloadChange, WorkloadSettings } from './workload-change.ts';

export type WorkloadListener = (change: WorkloadChange) => void;

/**
 * The containers of this host, as policies and the kernel see them: the one owner of cgroup ↔ container ↔ pod ↔ labels.
 *
 * A container is bound from the moment its cgroup exists (before its own code runs, if the runtime tells in time) until its
 * processes and cgroup are gone. While the runtime is away everything stays bound.
 */
export class Workloads {
  readonly #source: ContainerSource;
  readonly #logger: Logger;
  #settings: WorkloadSettings;
  readonly #listeners = new Set<WorkloadListener>();
  readonly #containers = new Map<string, Container>();
  readonly #bound = new Map<string, BoundWorkload>();
  readonly #byCgroup = new Map<bigint, BoundWorkload>();

  constructor(source: ContainerSource, settings: WorkloadSettings, logger: Logger = noLogger) {
    this.#source = source;
    this.#settings = settings;
    this.#logger = logger;
  }

  /** Follows the runtime until aborted. A listener that throws ends it with that error. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const change of this.#source.watch(signal)) this.#apply(change);
  }

  /** From now on `listener` is called for every change, in order; what is bound already is in `list`. Dispose to end. */
  onChange(listener: WorkloadListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Everything bound, oldest first. */
  list(): readonly BoundWorkload[] {
    return [...this.#bound.values()];
  }

  /** By `BoundWorkload.key`. */
  get(key: string): BoundWorkload | undefined {
    return this.#bound.get(key);
  }

  /** Whose cgroup this is; not its ancestors and descendants. */
  byCgroupId(cgroupId: bigint): BoundWorkload | undefined {
    return this.#byCgroup.get(cgroupId);
  }

  /** Other postures or modes: tells of every workload that they change. */
  configure(settings: WorkloadSettings): void {
    this.#settings = settings;
    for (const key of this.#bound.keys()) this.#update(key);
  }

  /** The settings answer otherwise than before for some containers: tells of every workload that this changes. */
  review(isMeant: (container: Container) => boolean): void {
    for (const container of this.#containers.values())
      if (this.#bound.has(container.key) && isMeant(container)) this.#update(container.key);
  }

  #apply(change: ContainerChange): void {
    if (change.kind === 'lost') return this.#tell(change);
    if (change.kind === 'synced') {
      this.#sync(change.containers);
      return this.#tell({ kind: 'synced', gapMs: change.gapMs });
    }
    const { container } = change;
    if (change.kind === 'deleted') return this.#remove(container.key);
    const isNew = !this.#containers.has(container.key);
    this.#containers.set(container.key, container);
    this.#update(container.key, isNew);
    this.#updatePod(container);
  }

  #sync(containers: readonly Container[]): void {
    const present = new Set(containers.map((container) => container.key));
    for (const key of this.#containers.keys()) if (!present.has(key)) this.#remove(key);
    const before = new Set(this.#containers.keys());
    for (const container of containers) this.#containers.set(container.key, container); // first all: sandboxes carry labels of others
    for (const { key } of containers) this.#update(key, !before.has(key));
  }

  #remove(key: string): void {
    this.#unbind(key);
    if (this.#containers.delete(key)) this.#tell({ kind: 'forgotten', key });
  }

  #expect(container: Container): void {
    const { key, cgroupPath } = container;
    this.#tell({ kind: 'expected', now: { key, cgroupPath, workload: this.#workloadOf(container) } });
  }

  /** A sandbox's labels are those of every container of its pod. */
  #updatePod(sandbox: Container): void {
    if (sandbox.pod?.isSandbox !== true) return;
    for (const other of this.#containers.values()) {
      if (other.key !== sandbox.key && other.pod?.sandboxId === sandbox.id) this.#update(other.key);
    }
  }

  #update(key: string, isNew = false): void {
    const container = this.#containers.get(key);
    if (container === undefined) return;
    const before = this.#bound.get(key);
    const now = this.#bind(container, before);
    if (now === undefined) {
      this.#unbind(key);
      if (isNew || before !== undefined) this.#expect(container);
      return;
    }
    if (before !== undefined && before.cgroupId === now.cgroupId && before.initPid === now.initPid) {
      if (isDeepStrictEqual(before, now)) return;
      this.#put(now);
      return this.#tell({ kind: 'changed', now, before });
    }
    this.#unbind(key);
    const other = this.#byCgroup.get(now.cgroupId);
    if (other !== undefined) this.#logger.warn('two containers share a cgroup; events name the first', { first: other.key, second: key });
    this.#put(now);
    this.#tell({ kind: 'bound', now });
  }

  #bind(container: Container, before: BoundWorkload | undefined): BoundWorkload | undefined {
    const { key, cgroup, initPid, mounts, createdNs } = container;
    if (cgroup === undefined || initPid === undefined) return undefined;
    const isSame = before?.initPid === initPid && before.cgroupId === cgroup.id;
    return {
      key,
      workload: this.#workloadOf(container),
      cgroupId: cgroup.id,
      cgroupPath: cgroup.directory,
      initPid,
      rootPath: `/proc/${initPid}/root`,
      createdNs,
      hadStarted: isSame ? before.hadStarted : container.status !== 'created',
      isSandbox: container.pod?.isSandbox === true,
      mounts,
      ...(container.pod === undefined ? {} : { pod: container.pod }),
    };
  }

  #workloadOf(container: Container): BoundWorkload['workload'] {
    const sandbox =
      container.pod === undefined ? undefined : this.#containers.get(`${container.runtimeNamespace}/${container.pod.sandboxId}`);
    return describeWorkload(container.id, identify(container, sandbox, this.#settings.podFacts), this.#settings);
  }

  #put(now: BoundWorkload): void {
    this.#bound.set(now.key, now);
    const owner = this.#byCgroup.get(now.cgroupId);
    if (owner === undefined || owner.key === now.key) this.#byCgroup.set(now.cgroupId, now);
  }

  #unbind(key: string): void {
    const before = this.#bound.get(key);
    if (before === undefined) return;
    this.#bound.delete(key);
    if (this.#byCgroup.get(before.cgroupId)?.key === key) {
      this.#byCgroup.delete(before.cgroupId);
      const heir = [...this.#bound.values()].find((other) => other.cgroupId === before.cgroupId);
      if (heir !== undefined) this.#byCgroup.set(heir.cgroupId, heir);
    }
    this.#tell({ kind: 'unbound', before });
  }

  #tell(change: WorkloadChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
