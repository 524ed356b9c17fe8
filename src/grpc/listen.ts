// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { createSecureServer, createServer } from 'node:http2';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import net from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import path from 'node:path';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import { REFUSAL, socketFd } from './peer.ts';
import type { Authorize } from './peer.ts';

/** PEM texts. */
export interface TlsFiles {
  readonly ca: string | Buffer;
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}
export interface UnixListen {
  readonly kind: 'unix';
  /** Absolute, at most 107 bytes; its directory exists. A socket that nobody listens on is replaced. */
  readonly path: string;
  /** Permissions of the socket, default 0o600. */
  readonly mode?: number;
  /** Without it everybody who can open the socket is let in. */
  readonly authorize?: Authorize;
}
export interface TcpListen {
  readonly kind: 'tcp';
  /** An address, or `localhost` for 127.0.0.1. */
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  /** Mutual TLS: a client shows a certificate of this CA or is refused. */
  readonly tls?: TlsFiles;
  /** Plaintext without authentication, on loopback only. */
  readonly insecureLoopback?: boolean;
}
export type Listen = UnixListen | TcpListen;

export interface Listening {
  readonly address: string;
  /** New connections find these certificates; those that are there stay. @throws {KubeArmorError} `CONFIG_INVALID` bad PEM */
  renewTls(files: TlsFiles): void;
  /** Ends accepting; connections stay. */
  close(): Promise<void>;
}

type Prepare = (http2: Http2Server | Http2SecureServer) => void;

/** Connections, over all clients. */
const CONNECTIONS_MAX = 256;
const SESSION = { settings: { maxConcurrentStreams: 100 } } as const;

function ioError(doing: string, error: unknown): KubeArmorError {
  return new KubeArmorError('HOST_IO', `${doing}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

async function listenOn(server: Server, options: net.ListenOptions): Promise<void> {
  server.listen(options);
  await once(server, 'listening'); // rejects at 'error'
}

async function isAlive(socketPath: string): Promise<boolean> {
  const socket = net.connect(socketPath);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Hands a connection to HTTP/2 once its peer may have it. */
async function admit(socket: Socket, authorize: Authorize, http2: Http2Server, logger: Logger): Promise<void> {
  // Until http2 takes the socket over; a reset by the peer must not end the process.
  const onError = (error: Error): void => logger.debug(`connection: ${error.message}`);
  socket.on('error', onError);
  const fd = socketFd(socket);
  let allowed = false;
  try {
    allowed = fd !== undefined && (await authorize(fd));
  } catch (error) {
    logger.error(`asking who a client is: ${String(error)}`);
  }
  if (!allowed) {
    socket.end(REFUSAL, () => socket.destroy());
    return;
  }
  if (socket.destroyed) return;
  socket.off('error', onError);
  // Starts the reading that pauseOnConnect held back; http2 takes the socket over before the first byte arrives.
  socket.read(0);
  http2.emit('connection', socket);
}

async function listenUnix(listen: UnixListen, logger: Logger, prepare: Prepare): Promise<Listening> {
  const doing = `listening on unix://${listen.path}`;
  if (await isAlive(listen.path)) throw new KubeArmorError('HOST_IO', `${doing}: another process listens there`);
  const http2 = createServer(SESSION);
  prepare(http2);
  const { authorize = () => true } = listen;
  const front = net.createServer({ pauseOnConnect: true }, (socket) => void admit(socket, authorize, http2, logger));
  front.maxConnections = CONNECTIONS_MAX;
  const scratch = await mkdtemp(`${path.dirname(listen.path)}/.socket-`).catch((error: unknown) => {
    throw ioError(doing, error);
  });
  try {
    // Bound in a directory of our own (0700) and moved into place, it never stands open with wrong permissions.
    const bound = path.join(scratch, 's');
    await listenOn(front, { path: bound });
    await chmod(bound, listen.mode ?? 0o600);
    await rename(bound, listen.path);
  } catch (error) {
    front.close();
    throw ioError(doing, error);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return {
    address: `unix://${listen.path}`,
    renewTls: () => {},
    close: async () => {
      front.close();
      await rm(listen.path, { force: true });
    },
  };
}

function hostOf(listen: TcpListen): string {
  return listen.host === 'localhost' ? '127.0.0.1' : listen.host;
}

const TLS_MIN = { minVersion: 'TLSv1.2' } as const;

function renewTls(server: Http2Server | Http2SecureServer, files: TlsFiles): void {
  if (!('setSecureContext' in server)) return;
  try {
    server.setSecureContext({ ...files, ...TLS_MIN });
  } catch (error) {
    throw badPem(error);
  }
}

const badPem = (error: unknown): KubeArmorError =>
  new KubeArmorError('CONFIG_INVALID', `reading the TLS certificate and key: ${String(error)}`, { cause: error });

function tcpServer(listen: TcpListen): Http2Server | Http2SecureServer {
  const { tls } = listen;
  if (tls !== undefined) {
    try {
      return createSecureServer({ ...SESSION, ...tls, requestCert: true, rejectUnauthorized: true, ...TLS_MIN });
    } catch (error) {
      throw badPem(error);
    }
  }
  const host = hostOf(listen);
  const loopback = host === '::1' || (net.isIPv4(host) && host.startsWith('127.'));
  if (listen.insecureLoopback !== true || !loopback) {
    throw new KubeArmorError(
      'CONFIG_INVALID',
      `listening on ${listen.host}:${listen.port} without TLS: plaintext is for loopback, and only where asked for explicitly`,
    );
  }
  return createServer(SESSION);
}

async function listenTcp(listen: TcpListen, prepare: Prepare): Promise<Listening> {
  const http2 = tcpServer(listen);
  prepare(http2);
  http2.maxConnections = CONNECTIONS_MAX;
  // Clients behind dead links would hold their streams for ever.
  http2.on('connection', (socket: Socket) => socket.setKeepAlive(true, 30_000));
  const host = hostOf(listen);
  try {
    await listenOn(http2, { host, port: listen.port });
  } catch (error) {
    throw ioError(`listening on ${listen.host}:${listen.port}`, error);
  }
  const { port } = http2.address() as AddressInfo;
  return {
    renewTls: (files) => renewTls(http2, files),
    address: net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`,
    close: async () => void http2.close(),
  };
}

/** @param prepare what a connection finds: it may come before this resolves */
export function startListening(listen: Listen, logger: Logger, prepare: Prepare): Promise<Listening> {
  return listen.kind === 'unix' ? listenUnix(listen, logger, prepare) : listenTcp(listen, prepare);
}
