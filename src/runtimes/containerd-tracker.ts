// SPDX-License-Identifier: Apache-2.0
import { fromBinary } from '@bufbuild/protobuf';
import { KubeArmorError } from '#base';
import { readProcess } from '#host';
import type { Container, ContainerChange, ContainerEvent } from './container.ts';
import { ownsCgroup, withTask } from './containerd-inventory.ts';
import type { TaskState } from './containerd-inventory.ts';
import {
  ContainerCreateSchema,
  ContainerDeleteSchema,
  ContainerUpdateSchema,
  TaskCreateSchema,
  TaskDeleteSchema,
  TaskExitSchema,
  TaskStartSchema,
} from './gen/event-types_pb.ts';
import type { Envelope } from './gen/events_pb.ts';

/** Looks a container up again: the answer is the truth, an event only says where to look. */
export type Fetch = (namespace: string, id: string) => Promise<Container | undefined>;

/** What an event says, in our words. */
type Notice =
  | { readonly id: string; readonly about: 'container' }
  | { readonly id: string; readonly about: 'task'; readonly task: TaskState }
  | { readonly id: string; readonly about: 'task-gone'; readonly pid: number };

type Reader = (body: Uint8Array) => Notice | undefined;

/** By topic. Events about execs (`id` differs from the container's) are nobody's business here. */
const READERS: Readonly<Record<string, Reader>> = {
  '/containers/create': (body) => ({ id: fromBinary(ContainerCreateSchema, body).id, about: 'container' }),
  '/containers/update': (body) => ({ id: fromBinary(ContainerUpdateSchema, body).id, about: 'container' }),
  '/containers/delete': (body) => ({ id: fromBinary(ContainerDeleteSchema, body).id, about: 'container' }),
  '/tasks/create': (body) => {
    const { containerId, pid } = fromBinary(TaskCreateSchema, body);
    return { id: containerId, about: 'task', task: { pid, status: 'created' } };
  },
  '/tasks/start': (body) => {
    const { containerId, pid } = fromBinary(TaskStartSchema, body);
    return { id: containerId, about: 'task', task: { pid, status: 'running' } };
  },
  '/tasks/exit': (body) => {
    const { containerId, id, pid } = fromBinary(TaskExitSchema, body);
    return id === containerId ? { id: containerId, about: 'task', task: { pid, status: 'stopped' } } : undefined;
  },
  '/tasks/delete': (body) => {
    const { containerId, id, pid } = fromBinary(TaskDeleteSchema, body);
    return id === '' || id === containerId ? { id: containerId, about: 'task-gone', pid } : undefined;
  },
};

/** The topics to subscribe to. */
export const TOPICS: readonly string[] = Object.keys(READERS);

const ORDER = { created: 0, running: 1, stopped: 2 } as const;

/**
 * Of containers whose first process was claimed before containerd told of it: that process. It outlives a connection: else a container that
 * starts while containerd is reached anew would be taken for one without a process, and its rules would end while it runs.
 */
export type Claims = Map<string, { readonly pid: number; readonly startTicks: bigint }>;

/**
 * The containers we told of, and what changed since: by events and by lists, whatever order they arrive in.
 *
 * Events are queued while a list is taken, so an event may tell of the past. It then changes nothing: a task never goes back, and
 * an end counts only for the process that it names.
 */
export class ContainerdTracker {
  #known: Map<string, Container>;
  readonly #claims: Claims;

  /** @param claims of a connection before; kept here from now on */
  constructor(containers: ReadonlyMap<string, Container>, claims: Claims = new Map()) {
    this.#claims = claims;
    for (const key of claims.keys()) if (!containers.has(key)) claims.delete(key);
    this.#known = new Map([...containers].map(([key, container]) => [key, this.#withClaimed(key, container)]));
  }

  /** What we tell of now. */
  list(): readonly Container[] {
    return [...this.#known.values()];
  }

  /**
   * Changes that an event means; none if it tells nothing new.
   *
   * @throws {KubeArmorError} `PROTOCOL` when the event cannot be read
   */
  async apply(envelope: Envelope, fetch: Fetch): Promise<ContainerChange[]> {
    const notice = readNotice(envelope);
    if (notice === undefined) return [];
    const key = `${envelope.namespace}/${notice.id}`;
    const known = this.#known.get(key);
    if (known === undefined || notice.about === 'container') {
      const fetched = await fetch(envelope.namespace, notice.id);
      return this.#replace(key, fetched === undefined ? undefined : this.#withClaimed(key, fetched));
    }
    if (notice.about === 'task-gone') return known.initPid === notice.pid ? this.#replace(key, withTask(known, undefined)) : [];
    return isPast(known, notice.task) ? [] : this.#replace(key, withTask(known, notice.task));
  }

  /** The container that owns a cgroup, as far as it was told of. */
  ownerOf(cgroupPath: string): Container | undefined {
    return [...this.#known.values()].find((container) => ownsCgroup(container, cgroupPath));
  }

  /** A container's first process, seen before containerd tells of it; none if it has one. */
  claim(container: Container, pid: number): ContainerChange[] {
    const known = this.#known.get(container.key) ?? container;
    if (known.initPid !== undefined) return [];
    const process = readProcess(pid);
    if (process !== undefined) this.#claims.set(container.key, { pid, startTicks: process.startTicks });
    return this.#replace(container.key, withTask(known, { pid, status: 'created' }));
  }

  /** Changes since what we told, by a whole list. */
  reconcile(containers: ReadonlyMap<string, Container>): ContainerChange[] {
    for (const key of this.#claims.keys()) if (!containers.has(key)) this.#claims.delete(key);
    const gone = [...this.#known.keys()].filter((key) => !containers.has(key));
    return [
      ...gone.flatMap((key) => this.#replace(key, undefined)),
      ...[...containers].flatMap(([key, container]) => this.#replace(key, this.#withClaimed(key, container))),
    ];
  }

  /** A list, or an event that is told late, may be of before containerd knows of the process that we saw. */
  #withClaimed(key: string, container: Container): Container {
    const claim = this.#claims.get(key);
    if (claim === undefined) return container;
    if (container.initPid === undefined && readProcess(claim.pid)?.startTicks === claim.startTicks)
      return withTask(container, { pid: claim.pid, status: 'created' });
    this.#claims.delete(key);
    return container;
  }

  #replace(key: string, now: Container | undefined): ContainerChange[] {
    const before = this.#known.get(key);
    if (now === undefined) {
      this.#known.delete(key);
      return before === undefined ? [] : [{ kind: 'deleted', container: before }];
    }
    this.#known.set(key, now);
    if (before === undefined) return [{ kind: stageOf(now), container: now }];
    if (before.initPid !== now.initPid || before.status !== now.status) {
      return [{ kind: now.initPid === undefined ? 'released' : stageOf(now), container: now }];
    }
    return JSON.stringify(facts(before)) === JSON.stringify(facts(now)) ? [] : [{ kind: 'updated', container: now }];
  }
}

function readNotice({ topic, event }: Envelope): Notice | undefined {
  try {
    return READERS[topic]?.(event?.value ?? new Uint8Array());
  } catch (error) {
    throw new KubeArmorError('PROTOCOL', `reading containerd's event ${topic}: not what its API says`, {
      cause: error,
      context: { topic },
    });
  }
}

function isPast(known: Container, task: TaskState): boolean {
  return known.initPid === task.pid ? ORDER[task.status] <= ORDER[known.status] : task.status === 'stopped';
}

function stageOf(container: Container): ContainerEvent {
  if (container.initPid === undefined) return 'created';
  return ({ created: 'prepared', running: 'started', stopped: 'exited' } as const)[container.status];
}

function facts(container: Container): unknown {
  const labels = Object.entries(container.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return [container.image, container.imageDigest, container.name, container.pod, labels, container.mounts, container.cgroup?.directory];
}
