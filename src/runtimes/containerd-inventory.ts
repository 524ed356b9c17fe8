// SPDX-License-Identifier: Apache-2.0
import { findCgroupRoot, openCgroup, readCgroupPath } from '#host';
import type { Cgroup, CgroupRoot } from '#host';
import type { Container } from './container.ts';
import type { ContainerdClient } from './containerd-client.ts';
import { parseSpec, podOf } from './containerd-spec.ts';
import type { Container as ContainerMessage } from './gen/containers_pb.ts';
import { Status } from './gen/tasks_pb.ts';
import type { Process } from './gen/tasks_pb.ts';

/** The running side of a container. */
export interface TaskState {
  readonly pid: number;
  readonly status: Container['status'];
}

/** Every container of every namespace, by key. */
export async function listContainers(client: ContainerdClient, signal: AbortSignal): Promise<Map<string, Container>> {
  const all = new Map<string, Container>();
  for (const namespace of await client.namespaces(signal)) {
    // Tasks last: a task without its container would be no use, and one that starts in between has its event.
    const messages = await client.containers(namespace, signal);
    const tasks = new Map((await client.tasks(namespace, signal)).map((task) => [task.containerId || task.id, task]));
    const digests = new Map<string, string | undefined>();
    for (const message of messages) {
      if (!digests.has(message.image)) digests.set(message.image, await client.imageDigest(namespace, message.image, signal));
      const container = describe(namespace, message, stateOf(tasks.get(message.id)), digests.get(message.image));
      all.set(container.key, container);
    }
  }
  return all;
}

/** One container as it is now, or undefined if there is none. */
export async function getContainer(
  client: ContainerdClient,
  namespace: string,
  id: string,
  signal: AbortSignal,
): Promise<Container | undefined> {
  const message = await client.container(namespace, id, signal);
  if (message === undefined) return undefined;
  const task = await client.task(namespace, id, signal);
  return describe(namespace, message, stateOf(task), await client.imageDigest(namespace, message.image, signal));
}

/**
 * The container, of any namespace, whose cgroup this is or lies in; undefined where containerd knows none. Its processes are not asked
 * for: containerd may be busy with making the first.
 */
export async function findByCgroup(client: ContainerdClient, cgroupPath: string, signal: AbortSignal): Promise<Container | undefined> {
  for (const namespace of await client.namespaces(signal)) {
    for (const id of idsIn(cgroupPath)) {
      const message = await client.container(namespace, id, signal);
      if (message === undefined) continue;
      const container = describe(namespace, message, undefined, await client.imageDigest(namespace, message.image, signal));
      if (ownsCgroup(container, cgroupPath)) return container;
    }
  }
  return undefined;
}

/** Whether a process there is the container's. Where its specification leaves the place open, its runtime calls the cgroup by its id. */
export function ownsCgroup({ cgroupPath: own, id }: Container, cgroupPath: string): boolean {
  if (own === undefined) return idsIn(cgroupPath).includes(id);
  return cgroupPath === own || cgroupPath.startsWith(`${own}/`);
}

/** Ids that a cgroup's path may name, as `/default/ID`, `…/cri-containerd-ID.scope`, `/kubepods/…/ID`; an id may hold dashes. */
function idsIn(cgroupPath: string): string[] {
  const ids = cgroupPath
    .split('/')
    .slice(-CGROUP_PARTS)
    .flatMap((part) => {
      const name = part.replace(/\.scope$/, '');
      const words = name.split('-');
      return words.length > WORDS_MAX ? [name] : words.map((_, at) => words.slice(at).join('-'));
    });
  return [...new Set(ids)].filter((id) => ID.test(id)).toReversed();
}

/** A container that runs its own init has cgroups below its own. */
const CGROUP_PARTS = 3;
const WORDS_MAX = 8;
/** @source containerd, pkg/identifiers */
const ID = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/** The same container with another running side. The cgroup stays while the first process does: at its end it may be gone already. */
export function withTask(container: Container, task: TaskState | undefined): Container {
  const kept = container.initPid === task?.pid ? container.cgroup : undefined;
  return {
    ...container,
    status: task?.status ?? 'created',
    initPid: task?.pid,
    cgroup: task === undefined ? undefined : (kept ?? locateCgroup(task.pid, container.cgroupPath)),
  };
}

function describe(namespace: string, message: ContainerMessage, task: TaskState | undefined, digest: string | undefined): Container {
  const spec = parseSpec(message.spec?.value ?? new Uint8Array());
  const pod = podOf(message.id, namespace, spec.annotations, message.labels);
  const container: Container = {
    key: `${namespace}/${message.id}`,
    id: message.id,
    runtimeNamespace: namespace,
    name: pod?.containerName || message.labels['nerdctl/name'] || message.id,
    image: message.image,
    imageDigest: digest,
    labels: message.labels,
    pod,
    policyAnnotation: spec.annotations['kubearmor-policy'],
    createdNs: message.createdAt === undefined ? undefined : message.createdAt.seconds * 1_000_000_000n + BigInt(message.createdAt.nanos),
    status: 'created',
    initPid: undefined,
    cgroupPath: spec.cgroupPath,
    cgroup: undefined,
    mounts: spec.mounts,
  };
  return withTask(container, task);
}

function stateOf(task: Process | undefined): TaskState | undefined {
  if (task === undefined || task.pid === 0) return undefined;
  switch (task.status) {
    case Status.CREATED:
      return { pid: task.pid, status: 'created' };
    case Status.STOPPED:
      return { pid: task.pid, status: 'stopped' };
    default:
      return { pid: task.pid, status: 'running' };
  }
}

let cgroupRoot: CgroupRoot | undefined;

/**
 * The container's cgroup: where its specification puts it, else where its first process is.
 *
 * Specification first: a container that runs its own init moves its first process further down. Never the hierarchy's root, which
 * holds the host.
 */
function locateCgroup(pid: number, specPath: string | undefined): Cgroup | undefined {
  cgroupRoot ??= findCgroupRoot();
  if (cgroupRoot === undefined) return undefined;
  const declared = specPath === undefined ? undefined : openCgroup(cgroupRoot, specPath);
  if (declared !== undefined) return declared;
  const path = readCgroupPath(pid, cgroupRoot.version);
  return path === undefined || path === '/' ? undefined : openCgroup(cgroupRoot, path);
}
