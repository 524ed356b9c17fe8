// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import type { CallOptions } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { KubeArmorError } from '#base';
import { Containers } from './gen/containers_pb.ts';
import type { Container as ContainerMessage } from './gen/containers_pb.ts';
import { Events } from './gen/events_pb.ts';
import type { Envelope } from './gen/events_pb.ts';
import { Images } from './gen/images_pb.ts';
import { Namespaces } from './gen/namespaces_pb.ts';
import type { Process } from './gen/tasks_pb.ts';
import { Tasks } from './gen/tasks_pb.ts';
import { Version } from './gen/version_pb.ts';

/** A daemon that takes longer than this for one answer counts as gone. */
const CALL_TIMEOUT_MS = 10_000;
/** Only the host matters of it, which is the request's authority: containerd takes any but an empty one. */
const BASE_URL = 'http://localhost';

/** One connection to containerd's gRPC API. Every method throws `ConnectError`; see `asRuntimeError`. */
export class ContainerdClient implements Disposable {
  readonly #session: Http2SessionManager;
  readonly #containers;
  readonly #tasks;
  readonly #images;
  readonly #namespaces;
  readonly #events;
  readonly #version;

  constructor(socketPath: string) {
    // No pings: a gRPC server of Go's closes connections that ping more than every five minutes.
    this.#session = new Http2SessionManager(BASE_URL, undefined, { createConnection: () => connect(socketPath) });
    const transport = createGrpcTransport({ baseUrl: BASE_URL, sessionManager: this.#session });
    this.#containers = createClient(Containers, transport);
    this.#tasks = createClient(Tasks, transport);
    this.#images = createClient(Images, transport);
    this.#namespaces = createClient(Namespaces, transport);
    this.#events = createClient(Events, transport);
    this.#version = createClient(Version, transport);
  }

  async version(signal?: AbortSignal): Promise<string> {
    return (await this.#version.version({}, callOptions(undefined, signal))).version;
  }

  async namespaces(signal: AbortSignal): Promise<string[]> {
    return (await this.#namespaces.list({}, callOptions(undefined, signal))).namespaces.map((namespace) => namespace.name);
  }

  /** Streamed, as one answer with every specification can be larger than a message may be. */
  async containers(namespace: string, signal: AbortSignal): Promise<ContainerMessage[]> {
    const found: ContainerMessage[] = [];
    for await (const { container } of this.#containers.listStream({}, callOptions(namespace, signal))) {
      if (container !== undefined) found.push(container);
    }
    return found;
  }

  async container(namespace: string, id: string, signal: AbortSignal): Promise<ContainerMessage | undefined> {
    return (await orUndefined(this.#containers.get({ id }, callOptions(namespace, signal))))?.container;
  }

  async tasks(namespace: string, signal: AbortSignal): Promise<Process[]> {
    return (await this.#tasks.list({}, callOptions(namespace, signal))).tasks;
  }

  async task(namespace: string, containerId: string, signal: AbortSignal): Promise<Process | undefined> {
    return (await orUndefined(this.#tasks.get({ containerId }, callOptions(namespace, signal))))?.process;
  }

  async imageDigest(namespace: string, name: string, signal: AbortSignal): Promise<string | undefined> {
    if (name === '') return undefined;
    const answer = await orUndefined(this.#images.get({ name }, callOptions(namespace, signal)));
    return answer?.image?.target?.digest || undefined;
  }

  /** Events of every namespace from about now on: the server does not say when it began. */
  events(topics: readonly string[], signal: AbortSignal): AsyncIterable<Envelope> {
    return this.#events.subscribe({ filters: topics.map((topic) => `topic==${JSON.stringify(topic)}`) }, { signal });
  }

  [Symbol.dispose](): void {
    this.#session.abort();
  }
}

function callOptions(namespace: string | undefined, signal?: AbortSignal): CallOptions {
  return {
    timeoutMs: CALL_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
    ...(namespace === undefined ? {} : { headers: { 'containerd-namespace': namespace } }),
  };
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
    throw error;
  }
}

/** Turns what a call threw into `RUNTIME_UNREACHABLE`; anything that is not about the call is a bug and thrown on. */
export function asRuntimeError(error: unknown, socketPath: string): KubeArmorError {
  if (error instanceof KubeArmorError) return error;
  if (!(error instanceof ConnectError)) throw error;
  return new KubeArmorError('RUNTIME_UNREACHABLE', `talking to containerd at ${socketPath}: ${error.rawMessage}`, {
    cause: error,
    context: { socketPath, grpcCode: Code[error.code] },
  });
}
