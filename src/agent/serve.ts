// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import { authorizeUids, serveGrpc } from '#grpc';
import type { Authorize, GrpcServer, GrpcService, Health, TcpListen, TlsFiles } from '#grpc';
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
  const stop = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.stop())));
  try {
    await mkdir(path.dirname(socket), { recursive: true, mode: 0o755 }).catch((error: unknown) => {
      throw new KubeArmorError('HOST_IO', `making the folder of ${socket}: ${String(error)}`, { cause: error });
    });
    const local = [...services, health.service];
    servers.push(await serveGrpc({ services: local, listen: { kind: 'unix', path: socket, authorize: usersOf(options) }, logger }));
    if (tcp !== undefined) {
      servers.push(await serveGrpc({ services, listen: listenOf(tcp), logger }));
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

function listenOf({ port, tlsCertPath }: TcpConfig): TcpListen {
  if (tlsCertPath === undefined) return { kind: 'tcp', host: '127.0.0.1', port, insecureLoopback: true };
  return { kind: 'tcp', host: everyAddress(), port, tls: readTls(tlsCertPath) };
}

/** IPv6's covers IPv4 too, where the kernel has it. */
function everyAddress(): string {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8') === '' ? '0.0.0.0' : '::';
  } catch {
    return '0.0.0.0';
  }
}

function readTls(folder: string): TlsFiles {
  const read = (name: string): Buffer => {
    const file = path.join(folder, name);
    try {
      return readFileSync(file);
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? String(error);
      throw new KubeArmorError('CONFIG_INVALID', `reading ${file} (tlsCertPath): ${why}`, { cause: error });
    }
  };
  return { ca: read('ca.crt'), cert: read('server.crt'), key: read('server.key') };
}
