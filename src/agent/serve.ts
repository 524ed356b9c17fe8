// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import { authorizeUids, everyAddress, serveGrpc, TlsFolder } from '#grpc';
import type { Authorize, GrpcServer, GrpcService, Health } from '#grpc';
import type { PeerCredentials } from '#libbpf';
import type { TcpConfig } from './config.ts';

export interface ServeOptions {
  readonly socket: string;
  readonly tcp: TcpConfig | undefined;
  readonly services: readonly GrpcService[];
  readonly health: Health;
  readonly peerCredentials: (socketFd: number) => PeerCredentials | undefined;
  readonly logger: Logger;
}

/** The servers of the agent, as one. */
export interface Servers {
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

/**
 * Serves the API on the Unix socket, for root and the agent's own user; over TCP only where it was asked for, and then the health
 * service too, on loopback.
 *
 * @throws {KubeArmorError} `HOST_IO`, `CONFIG_INVALID`; nothing is served then
 */
export async function serveAll(options: ServeOptions): Promise<Servers> {
  const { socket, tcp, services, health, logger } = options;
  const servers: GrpcServer[] = [];
  const ended = new AbortController();
  const stop = async (): Promise<void> => {
    ended.abort();
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    await mkdir(path.dirname(socket), { recursive: true, mode: 0o755 }).catch((error: unknown) => {
      throw new KubeArmorError('HOST_IO', `making the folder of ${socket}: ${String(error)}`, { cause: error });
    });
    const local = [...services, health.service];
    servers.push(await serveGrpc({ services: local, listen: { kind: 'unix', path: socket, authorize: usersOf(options) }, logger }));
    if (tcp !== undefined) {
      servers.push(await serveTcp(tcp, options, ended.signal));
      const loopback = { kind: 'tcp', host: '127.0.0.1', port: tcp.healthPort, insecureLoopback: true } as const;
      servers.push(await serveGrpc({ services: [health.service], listen: loopback, logger }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses: servers.map(({ address }) => address), stop };
}

function usersOf({ peerCredentials, logger }: ServeOptions): Authorize {
  return authorizeUids(peerCredentials, [...new Set([0, process.getuid?.() ?? 0])], logger);
}

/** The TCP port; with TLS it takes certificates that are renewed while it runs. */
async function serveTcp({ port, tlsCertPath }: TcpConfig, { services, logger }: ServeOptions, signal: AbortSignal): Promise<GrpcServer> {
  if (tlsCertPath === undefined)
    return serveGrpc({ services, listen: { kind: 'tcp', host: '127.0.0.1', port, insecureLoopback: true }, logger });
  const tls = await TlsFolder.open({ folder: tlsCertPath, logger }, 'server');
  const server = await serveGrpc({ services, listen: { kind: 'tcp', host: everyAddress(), port, tls: tls.current }, logger });
  void tls.follow(signal, (files) => server.renewTls(files));
  return server;
}
