// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#base';
import type { Enforcer, HeldTask, StartGate } from '#enforce';
import { findCgroupRoot, openCgroup, readCgroupPath } from '#host';
import type { ContainerSource } from '#runtimes';
import type { BoundWorkload } from '#workloads';
import type { RuntimeState } from './runtime-source.ts';

export interface GateKeeperOptions {
  readonly enforcer: Pick<Enforcer, 'gate' | 'keys' | 'counters'>;
  /** Where containers are, and whose a process is. */
  readonly runtime: Pick<ContainerSource, 'claim'> & { readonly state: RuntimeState };
  readonly bound: () => readonly BoundWorkload[];
  /** What happens at the gate while no agent is there. */
  readonly whenSilent: 'open' | 'wait';
  readonly logger: Logger;
  /** Path of a process's cgroup in the hierarchy; undefined where it is gone. */
  readonly cgroupOf?: (pid: number) => string | undefined;
  readonly cgroupRoot?: string;
  /** The agent's own cgroup, where it is a container itself: nobody waits there. */
  readonly ownCgroup?: string | undefined;
  /** The id of a cgroup's directory; undefined where it is gone. */
  readonly cgroupId?: (directory: string) => bigint | undefined;
  readonly expireMs?: number;
  readonly awayMs?: number;
  readonly nowMs?: () => number;
}

/** As the kubelet names a pod's cgroup, with cgroupfs and with systemd. @source kubelet, cm/pod_container_manager_linux.go */
const POD_CGROUP = /(^|-)pod[0-9a-f]{8}([-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}(\.slice)?$/;
const BEAT_MS = 1_000;
/** From the runtime's first answer on, so that a slow agent does not count. */
export const EXPIRE_MS = 10_000;
/** The same from the first time that the runtime was away: at a node's start it may take long. */
export const AWAY_MS = 60_000;
/** Who waits is looked at so often while anybody does. */
const REVIEW_MS = 100;
/** Longer than a task takes from finding the gate shut to being noted as waiting. */
const LATE_MS = 100;

/**
 * Answers for who waits at the start gate: lets go who is bound by now and who belongs to no container of the runtime.
 *
 * Nobody waits for ever: who is not bound `EXPIRE_MS` after the runtime's first answer, or `AWAY_MS` after it was away first, starts without rules,
 * with a warning and a count, and is adopted when its container is told of. Where starts are to wait for an agent they wait for the runtime too.
 */
export class GateKeeper {
  readonly #options: GateKeeperOptions;
  readonly #gate: StartGate;
  readonly #root: string;
  readonly #expireMs: number;
  readonly #own: ReadonlySet<string>;
  readonly #nowMs: () => number;
  readonly #cgroupOf: (pid: number) => string | undefined;
  readonly #cgroupId: (directory: string) => bigint | undefined;
  /** Until when a process waits: known with the first answer about it, and anew with the runtime's first. */
  readonly #answered = new Map<number, { readonly isAway: boolean; readonly untilMs: number }>();
  /** Processes whose owner is being asked for. */
  readonly #asking = new Set<number>();
  #wake = Promise.withResolvers<void>();
  /** Told of those that passed while no agent answered. */
  #passed = 0n;

  constructor(options: GateKeeperOptions) {
    this.#options = options;
    this.#gate = options.enforcer.gate;
    this.#root = options.cgroupRoot ?? findCgroupRoot()?.directory ?? '/sys/fs/cgroup';
    this.#expireMs = options.expireMs ?? EXPIRE_MS;
    this.#own = new Set(options.ownCgroup === undefined ? [] : [options.ownCgroup]);
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#cgroupOf = options.cgroupOf ?? ((pid) => readCgroupPath(pid, 2));
    this.#cgroupId = options.cgroupId ?? ((directory) => statSync(directory, { bigint: true, throwIfNoEntry: false })?.ino);
  }

  /** From now on starts wait, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#beat();
    const beating = setInterval(() => this.#beat(), BEAT_MS);
    const watching = this.#gate.watch(() => this.#wake.resolve(), signal);
    try {
      while (!signal.aborted) {
        const waiting = this.review();
        this.#wake = Promise.withResolvers();
        await Promise.race([this.#wake.promise, sleep(waiting > 0 ? REVIEW_MS : BEAT_MS, undefined, { signal, ref: false })]).catch(
          () => {},
        );
      }
    } finally {
      clearInterval(beating);
      await this.#end();
      await watching;
    }
  }

  /** Whether a process waits: then the container whose first it is has not started, whatever its runtime says. */
  holds(pid: number): boolean {
    return this.#gate.held().some((task) => task.pid === pid);
  }

  /** A container will be in this cgroup of the hierarchy: if there is one of that name, it may have been nobody's before. */
  expect(cgroupPath: string): void {
    const root = findCgroupRoot();
    const cgroup = root === undefined ? undefined : openCgroup(root, cgroupPath);
    if (cgroup !== undefined && !this.#own.has(cgroup.directory)) this.#gate.unsettle(cgroup.id);
  }

  /** Lets go whom it can. @returns how many wait on */
  review(): number {
    const held = this.#gate.held();
    for (const pid of this.#answered.keys()) if (!held.some((task) => task.pid === pid)) this.#answered.delete(pid);
    if (held.length === 0) return 0;
    const keys = new Set(this.#options.enforcer.keys());
    const directories = new Set(this.#options.bound().flatMap(({ key, cgroupPath }) => (keys.has(key) ? [cgroupPath] : [])));
    return held.filter((task) => !this.#answer(task, directories)).length;
  }

  #answer(task: HeldTask, directories: ReadonlySet<string>): boolean {
    const cgroup = this.#cgroupOf(task.pid);
    const directory = cgroup === undefined ? undefined : path.join(this.#root, cgroup);
    if (cgroup === undefined || directory === undefined || isBelow(directory, directories)) {
      this.#gate.letGo(task);
    } else if (isBelow(directory, this.#own)) {
      this.#gate.letGo(task, true);
    } else if (this.#nowMs() > (this.#answered.get(task.pid)?.untilMs ?? Infinity)) {
      this.#expire(task, cgroup);
    } else {
      this.#ask(task, cgroup);
      return false;
    }
    return true;
  }

  #ask(task: HeldTask, cgroup: string): void {
    const { runtime } = this.#options;
    if (this.#asking.has(task.pid)) return;
    this.#asking.add(task.pid);
    void runtime
      .claim(cgroup, task.pid)
      .catch(() => 'away' as const)
      .then((answer) => {
        this.#asking.delete(task.pid);
        this.#note(task.pid, answer === 'away');
        const isNobodys = answer === 'unknown' || (answer === 'away' && runtime.state.kind === 'away' && runtime.state.isAbsent === true);
        if (isNobodys) this.#gate.letGo(task, true);
        else if (answer === 'claimed') this.#wake.resolve();
      });
  }

  #note(pid: number, isAway: boolean): void {
    const before = this.#answered.get(pid);
    if (before !== undefined && (isAway || !before.isAway)) return;
    const { whenSilent, awayMs = AWAY_MS } = this.#options;
    const patienceMs = isAway ? (whenSilent === 'wait' ? Infinity : awayMs) : this.#expireMs;
    this.#answered.set(pid, { isAway, untilMs: this.#nowMs() + patienceMs });
  }

  #expire(task: HeldTask, cgroup: string): void {
    this.#gate.countExpired();
    this.#gate.letGo(task, true);
    this.#options.logger.warn('a program starts without rules: nobody told of its container in time', {
      pid: task.pid,
      cgroup,
      waitedMs: task.heldMs,
    });
  }

  /** Where starts wait for the next agent, who waits already does too. Who found the gate shut still is on its way to wait. */
  async #end(): Promise<void> {
    if (this.#options.whenSilent === 'wait') return;
    this.#gate.open();
    for (const task of this.#gate.held()) this.#gate.letGo(task);
    await sleep(LATE_MS);
    for (const task of this.#gate.held()) this.#gate.letGo(task);
  }

  /**
   * A child of the agent must not wait: Node's own thread waits until its exec has passed, so nobody would let it go. Again and again,
   * as the kernel forgets what was settled long ago. Nor must the pod's next container, where this one is killed: nobody would be there.
   */
  #settleOwn(): void {
    const settle = (directory: string, childrenToo: boolean): void => {
      const id = this.#cgroupId(directory);
      if (id !== undefined) this.#gate.settle(id, childrenToo);
    };
    for (const directory of this.#own) {
      settle(directory, false);
      const above = path.dirname(directory);
      if (POD_CGROUP.test(path.basename(above))) settle(above, true);
    }
  }

  #beat(): void {
    const { enforcer, whenSilent, logger } = this.#options;
    this.#settleOwn();
    this.#gate.beat(whenSilent);
    const passed = enforcer.counters()['gate_open'] ?? 0n;
    if (passed > this.#passed) logger.warn('programs started in new containers, without rules, while no agent answered', { total: passed });
    this.#passed = passed;
  }
}

function isBelow(directory: string, directories: ReadonlySet<string>): boolean {
  for (let at = directory; at !== '/'; at = path.dirname(at)) if (directories.has(at)) return true;
  return false;
}
