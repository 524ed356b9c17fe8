// SPDX-License-Identifier: Apache-2.0
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as immediate } from 'node:timers/promises';
import tls from 'node:tls';
import { createClient } from '@connectrpc/connect';
import type { Client, Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { KubeArmorError } from '#base';
import { Health, LogService, PolicyService, ProbeService } from '#wire';
import type { Alert, Log, Message } from '#wire';
import { clientError } from './client-error.ts';
import type { TlsFiles } from './listen.ts';
import { ClientSession } from './session.ts';

export interface DialOptions {
  /** `unix:///run/kubearmor/kubearmor.sock` or `host:port`. */
  readonly address: string;
  /** Present for mutual TLS; the server's certificate has to name the host. */
  readonly tls?: TlsFiles;
  /** The name in the server's certificate, where that is not the host. */
  readonly serverName?: string;
  /** A connection that stands already, used once: what comes after its end fails. `address` then is its name, for messages and TLS. */
  readonly over?: net.Socket;
  /** Until a connection stands, default 5,000. */
  readonly connectTimeoutMs?: number;
  /** For calls with one answer, default 30,000. Streams have no limit. */
  readonly callTimeoutMs?: number;
}

/** A connection that is made at the first call and again after it broke. Every failure of a call is a KubeArmorError, except the caller's own abort. */
export interface GrpcTransport extends Transport, Disposable {
  /** Ends the connection and every call on it. */
  close(): void;
}

type Target = { readonly path: string } | { readonly host: string; readonly port: number };

function targetOf(address: string): Target {
  const target = address.startsWith('unix:') ? unixTarget(address) : tcpTarget(address);
  if (target !== undefined) return target;
  throw new KubeArmorError('USAGE', `dialling ${JSON.stringify(address)}: not an address; give unix:///path/to/socket or host:port`);
}

function unixTarget(address: string): Target | undefined {
  const path = address.slice(address.startsWith('unix://') ? 7 : 5);
  return path.startsWith('/') ? { path } : undefined;
}

/** Without a host it is this machine: KubeArmor's own pages write `:32767`. */
function tcpTarget(address: string): Target | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/@]*)):(\d{1,5})$/.exec(address);
  if (match === null) return undefined;
  const [, ipv6, name, digits] = match;
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host: ipv6 ?? (name === '' || name === undefined ? 'localhost' : name), port } : undefined;
}

function connectTo(target: Target, options: DialOptions): Duplex {
  if (options.over !== undefined && options.tls === undefined) return options.over;
  const socket =
    options.tls === undefined
      ? net.connect(target)
      : tls.connect({
          ...(options.over === undefined ? target : { socket: options.over }),
          ...options.tls,
          ALPNProtocols: ['h2'],
          ...serverNameOf(target, options),
        });
  // A stream may be silent for hours; this finds a peer that is gone.
  socket.setKeepAlive(true, 30_000);
  const timeoutMs = options.connectTimeoutMs ?? 5_000;
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
  return socket;
}

function serverNameOf(target: Target, { serverName }: DialOptions): { readonly servername?: string } {
  if (serverName !== undefined) return { servername: serverName };
  return 'host' in target && net.isIP(target.host) === 0 ? { servername: target.host } : {};
}

/**
 * Prepares calls to an agent or relay; connects at the first one.
 *
 * @throws {KubeArmorError} `USAGE` for a bad address. Calls throw `UNREACHABLE` nobody listens, or the connection broke ·
 *   `PEER_REFUSED` no permission on the socket, not one of its users, certificate not accepted · `PROTOCOL` the peer is
 *   no such server, or does not know the method · `LIMIT_EXCEEDED` a message too large, or too many subscribers.
 */
export function dialGrpc(options: DialOptions): GrpcTransport {
  const target = targetOf(options.address);
  const baseUrl = `${options.tls === undefined ? 'http' : 'https'}://localhost`;
  const sessionManager = new ClientSession(baseUrl, () => connectTo(target, options));
  const inner = createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] });
  const close = (): void => sessionManager.close();
  const translate = async (error: unknown, signal: AbortSignal | undefined): Promise<unknown> => {
    if (signal?.aborted === true) return error;
    await immediate(); // a broken connection ends its calls first, and then says why
    return clientError(error, options.address, sessionManager.failure);
  };

  return {
    close,
    [Symbol.dispose]: close,
    async unary(method, signal, timeoutMs, ...rest) {
      try {
        return await inner.unary(method, signal, timeoutMs ?? options.callTimeoutMs ?? 30_000, ...rest);
      } catch (error) {
        throw await translate(error, signal);
      }
    },
    async stream(method, signal, ...rest) {
      try {
        const response = await inner.stream(method, signal, ...rest);
        return { ...response, message: messagesOf(response.message, (error) => translate(error, signal)) };
      } catch (error) {
        throw await translate(error, signal);
      }
    },
  };
}

async function* messagesOf<M>(messages: AsyncIterable<M>, translate: (error: unknown) => Promise<unknown>): AsyncGenerator<M> {
  try {
    yield* messages;
  } catch (error) {
    throw await translate(error);
  }
}

/** `policy.PolicyService` at the other end. */
export const policyClient = (transport: Transport): Client<typeof PolicyService> => createClient(PolicyService, transport);
/** `policy.ProbeService` at the other end. */
export const probeClient = (transport: Transport): Client<typeof ProbeService> => createClient(ProbeService, transport);
/** `grpc.health.v1.Health` at the other end. */
export const healthClient = (transport: Transport): Client<typeof Health> => createClient(Health, transport);
/** `feeder.LogService` at the other end. Leaving a loop over its streams does not end the call, an abort does: see `watchFeed`. */
export const logClient = (transport: Transport): Client<typeof LogService> => createClient(LogService, transport);

/** What `watchFeed` yields. */
export interface FeedRecords {
  readonly alerts: Alert;
  readonly logs: Log;
  readonly messages: Message;
}

/**
 * Records of one kind from now on, until the signal aborts or the reader leaves its loop (both end it quietly); returns
 * where the server ends the stream with OK.
 *
 * @throws {KubeArmorError} as `dialGrpc` says
 */
export async function* watchFeed<K extends keyof FeedRecords>(
  transport: Transport,
  kind: K,
  signal?: AbortSignal,
): AsyncGenerator<FeedRecords[K], void> {
  const client = logClient(transport);
  const stop = new AbortController();
  const options = { signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]) };
  const watch = { alerts: client.watchAlerts, logs: client.watchLogs, messages: client.watchMessages }[kind];
  try {
    yield* watch({ Filter: 'all' }, options) as AsyncIterable<FeedRecords[K]>;
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    stop.abort();
  }
}
