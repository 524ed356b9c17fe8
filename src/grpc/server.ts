// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from '#base';
import { grpcAdapter } from './adapter.ts';
import { startListening } from './listen.ts';
import type { Listen, TlsFiles } from './listen.ts';
import type { GrpcService } from './service.ts';

export interface ServeOptions {
  readonly services: readonly GrpcService[];
  readonly listen: Listen;
  readonly logger: Logger;
  /** Largest request, default 4 MiB; a larger one is answered with ResourceExhausted. */
  readonly requestBytesMax?: number;
}

export interface GrpcServer {
  /** `unix:///path` or `host:port`, with the port that was taken. */
  readonly address: string;
  /** New connections find these certificates; without TLS it does nothing. @throws {KubeArmorError} `CONFIG_INVALID` bad PEM */
  renewTls(files: TlsFiles): void;
  /**
   * Accepts nobody any more, lets running calls end (streams with Unavailable, after what waits for them), and cuts
   * what has not ended after `drainMs`, default 2,000. Resolves when every connection is closed; a second call waits too.
   */
  stop(drainMs?: number): Promise<void>;
}

/**
 * Serves gRPC on one address: a Unix socket, TCP with mutual TLS, or plaintext TCP on loopback.
 *
 * Unknown methods are answered with Unimplemented, malformed requests with Internal. Nothing a client sends ends the process.
 *
 * @throws {KubeArmorError} `CONFIG_INVALID` plaintext where it may not be, or bad PEM; `HOST_IO` the address cannot be taken
 */
export async function serveGrpc(options: ServeOptions): Promise<GrpcServer> {
  const { logger } = options;
  const shutdown = new AbortController();
  const sessions = new Set<ServerHttp2Session>();
  const handle = grpcAdapter({
    services: options.services,
    requestBytesMax: options.requestBytesMax ?? 4 * 1024 * 1024,
    shutdownSignal: shutdown.signal,
    logger,
  });
  const listening = await startListening(options.listen, logger, (server) => {
    const http2 = server as Http2Server;
    http2.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    http2.on('sessionError', (error: Error) => logger.debug(`connection: ${error.message}`));
    http2.on('request', handle);
  });

  let stopped: Promise<void> | undefined;
  return {
    address: listening.address,
    renewTls: (files) => listening.renewTls(files),
    stop: (drainMs = 2_000) => (stopped ??= stop({ close: () => listening.close(), sessions, shutdown, drainMs })),
  };
}

async function stop(server: {
  close: () => Promise<void>;
  sessions: ReadonlySet<ServerHttp2Session>;
  shutdown: AbortController;
  drainMs: number;
}): Promise<void> {
  await server.close();
  const closed = Promise.all([...server.sessions].map((session) => new Promise<void>((resolve) => void session.once('close', resolve))));
  server.shutdown.abort(new ConnectError('the server is stopping', Code.Unavailable));
  for (const session of server.sessions) session.close();
  const timer = new AbortController();
  await Promise.race([closed, sleep(server.drainMs, undefined, { signal: timer.signal }).catch(() => {})]);
  timer.abort();
  for (const session of server.sessions) session.destroy();
  await closed;
}
