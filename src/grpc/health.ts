// SPDX-License-Identifier: Apache-2.0
import { EventEmitter, on } from 'node:events';
import { Code, ConnectError } from '@connectrpc/connect';
import { Health as HealthService, ServingStatus } from '#wire';
import { grpcService } from './service.ts';
import type { GrpcService } from './service.ts';

/** `grpc.health.v1.Health` with its state. */
export interface Health {
  readonly service: GrpcService;
  /** A name that was not known becomes known; watchers are told of changes. */
  set(service: string, serving: boolean): void;
}

/**
 * The gRPC health service. An unknown name is NotFound in Check and SERVICE_UNKNOWN in Watch.
 *
 * @param names services known from the start, not serving yet; `''` stands for the whole server
 */
export function createHealth(names: readonly string[]): Health {
  const states = new Map<string, boolean>(names.map((name) => [name, false]));
  const changes = new EventEmitter();
  changes.setMaxListeners(0);

  const statusOf = (name: string): ServingStatus => {
    const serving = states.get(name);
    if (serving === undefined) return ServingStatus.SERVICE_UNKNOWN;
    return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  async function* watch(name: string, signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    let last = statusOf(name);
    const changed = on(changes, 'change', { signal });
    yield { status: last };
    for await (const _ of changed) {
      const now = statusOf(name);
      if (now !== last) yield { status: now };
      last = now;
    }
  }
  return {
    set(service, serving) {
      states.set(service, serving);
      changes.emit('change');
    },
    service: grpcService(HealthService, {
      check: ({ service }) => {
        if (!states.has(service)) throw new ConnectError('unknown service', Code.NotFound);
        return { status: statusOf(service) };
      },
      list: () => ({ statuses: Object.fromEntries([...states.keys()].map((name) => [name, { status: statusOf(name) }])) }),
      watch: async function* ({ service }, { signal }) {
        try {
          yield* watch(service, signal);
        } catch (error) {
          // events.on gives an AbortError that hides why; the reason holds the status.
          throw signal.aborted ? signal.reason : error;
        }
      },
    }),
  };
}
