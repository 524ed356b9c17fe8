// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import type { BoundWorkload, WorkloadChange } from '#workloads';
import { HOST_KEY } from './host-bound.ts';
import { PodWait } from './kube/pod-wait.ts';
import { holdsOwn } from './own-cgroup.ts';
import { CANARY_KEY } from './proof/prover.ts';
import type { Protector } from './protector.ts';
import type { GateKeeper } from './start-gate.ts';

export interface WorkloadFollowerOptions {
  readonly protector: Protector;
  readonly gateKeeper: Pick<GateKeeper, 'holds' | 'review' | 'expect'>;
  readonly logger: Logger;
  /** Whether what is in force for the host is still to be replaced. */
  readonly hostStays: boolean;
  /** Whether all that counts for a container is known; see `Governor`. */
  readonly isKnown: (bound: BoundWorkload) => boolean;
  /** The agent's own cgroup, where it is a container itself. */
  readonly ownCgroup: string | undefined;
  /** All containers are told of, or cannot be. */
  readonly onFirst: () => void;
}

/** Keeps the containers of this node bound, each from before its own first instruction. */
export class WorkloadFollower {
  readonly #options: WorkloadFollowerOptions;
  readonly #waits: PodWait;

  constructor(options: WorkloadFollowerOptions) {
    this.#options = options;
    this.#waits = new PodWait({ isKnown: options.isKnown, bind: (bound) => this.#bind(bound) });
  }

  follow(change: WorkloadChange): void {
    const { protector, gateKeeper, logger, hostStays, onFirst } = this.#options;
    switch (change.kind) {
      case 'bound':
        this.#offer(change.now);
        break;
      case 'changed':
        this.#change(change.now);
        break;
      case 'unbound':
        this.#waits.drop(change.before.key);
        protector.unbind(change.before.key);
        logger.info('a container is gone', { name: change.before.workload.containerName });
        break;
      case 'lost':
        onFirst();
        break;
      case 'synced':
        protector.takeOver([CANARY_KEY, ...this.#waits.keys(), ...(hostStays ? [HOST_KEY] : [])]);
        onFirst();
        break;
      case 'expected':
        if (change.now.cgroupPath !== undefined) gateKeeper.expect(change.now.cgroupPath);
        break;
      case 'forgotten':
        break;
    }
  }

  /** Binds those that wait and need not any more. */
  review(): void {
    this.#waits.review();
  }

  /** Binds nobody who waits any more. */
  stop(): void {
    this.#waits.stop();
  }

  #offer(bound: BoundWorkload): void {
    const { gateKeeper, logger } = this.#options;
    if (this.#isOwn(bound)) logger.info('this is the agent’s own container: no rules are bound to it', { id: bound.workload.id });
    else this.#waits.offer(gateKeeper.holds(bound.initPid) ? { ...bound, hadStarted: false } : bound);
  }

  #change(bound: BoundWorkload): void {
    if (!this.#isOwn(bound) && !this.#waits.change(bound)) this.#options.protector.bind(bound);
  }

  #isOwn({ cgroupPath }: BoundWorkload): boolean {
    return holdsOwn(cgroupPath, this.#options.ownCgroup);
  }

  #bind(bound: BoundWorkload): void {
    const { protector, gateKeeper, logger } = this.#options;
    protector.bind(bound);
    gateKeeper.review();
    logger.info('detected a container', { name: bound.workload.containerName, id: bound.workload.id.slice(0, 12) });
  }
}
