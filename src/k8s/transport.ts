// SPDX-License-Identifier: Apache-2.0
import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { KubeArmorError } from '#base';
import type { ClusterAccess, Identity } from './access.ts';

/** TCP finds out about a peer that is gone after this long and ten probes. */
const PROBE_AFTER_MS = 15_000;
/** An unused connection is closed before a load balancer does it. */
const IDLE_MS = 60_000;
const FREE_SOCKETS_MAX = 4;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** For messages, like `listing pods`. */
  readonly doing: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

export interface TransportOptions {
  readonly userAgent: string;
  /** For the headers of an answer, and again for its body. */
  readonly timeoutMs: number;
  /** A longer answer is an error. */
  readonly answerMaxBytes: number;
}

/** A connection that is no longer HTTP. */
export interface Upgraded {
  readonly socket: Duplex;
  /** What came after the answer's head. */
  readonly head: Buffer;
  readonly headers: http.IncomingHttpHeaders;
}

interface OpenOptions {
  readonly fresh: boolean;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly onUpgrade?: (upgraded: Upgraded) => void;
}

/** HTTP/1.1 to the API server over connections that are kept; each request carries the credentials of the moment. */
export class Transport implements Disposable {
  readonly #access: ClusterAccess;
  readonly #options: TransportOptions;
  #agent: { readonly agent: http.Agent; readonly identity: Identity } | undefined;

  constructor(access: ClusterAccess, options: TransportOptions) {
    this.#access = access;
    this.#options = options;
  }

  /**
   * Sends a request and waits for the head of its answer.
   *
   * @param fresh with credentials read anew
   * @throws {KubeArmorError} `API_UNREACHABLE`, the system's error as its cause; the signal's reason when aborted
   */
  open(request: ApiRequest, fresh = false): Promise<http.IncomingMessage> {
    return this.#open(request, { fresh });
  }

  async #open(request: ApiRequest, { fresh, headers, onUpgrade }: OpenOptions): Promise<http.IncomingMessage> {
    const { signal, doing } = request;
    signal?.throwIfAborted();
    const identity = await this.#access.identify(fresh);
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    let sent: http.ClientRequest | undefined;
    const timer = setTimeout(() => sent?.destroy(new Error(`no answer after ${this.#options.timeoutMs} ms`)), this.#options.timeoutMs);
    const onAbort = (): void => void sent?.destroy(new Error('aborted'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      sent = this.#send(request, identity, headers);
      sent.once('response', resolve);
      if (onUpgrade !== undefined) {
        sent.once('upgrade', (response, socket: Socket, head) => {
          socket.setTimeout(0); // an unused connection is closed soon; this one may be silent for hours
          onUpgrade({ socket, head, headers: response.headers });
          resolve(response);
        });
      }
      sent.on('error', reject); // stays: an error after the answer's head must not end the process
      return await promise;
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(doing, error, sent?.reusedSocket === true);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Sends a request and reads its whole answer, whatever its status. Throws as `open`. */
  async fetch(request: ApiRequest, fresh = false): Promise<ApiAnswer> {
    const response = await this.open(request, fresh);
    const body = await this.read(request, response);
    return { status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body };
  }

  /** Reads the rest of an answer. Throws as `open`. */
  async read({ signal, doing }: ApiRequest, response: http.IncomingMessage): Promise<string> {
    const { timeoutMs, answerMaxBytes } = this.#options;
    const timer = setTimeout(() => response.destroy(new Error(`no end of the answer after ${timeoutMs} ms`)), timeoutMs);
    const onAbort = (): void => void response.destroy(new Error('aborted'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      return await readBody(response, answerMaxBytes);
    } catch (error) {
      response.destroy();
      signal?.throwIfAborted();
      throw unreachable(doing, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Asks for another protocol on the connection, and hands the connection over.
   *
   * @param headers beside those of every request, `Upgrade` among them
   * @returns the connection, or the answer where the server does not do it
   * @throws as `open`
   */
  async upgrade(
    request: ApiRequest,
    headers: http.OutgoingHttpHeaders,
    fresh = false,
  ): Promise<{ readonly upgraded: Upgraded } | { readonly refused: http.IncomingMessage }> {
    let upgraded: Upgraded | undefined;
    const refused = await this.#open(request, { fresh, headers, onUpgrade: (connection) => void (upgraded = connection) });
    return upgraded === undefined ? { refused } : { upgraded };
  }

  /** Closes every connection, those in use too; not those that were handed over. */
  [Symbol.dispose](): void {
    this.#agent?.agent.destroy();
    this.#agent = undefined;
  }

  #send({ method, path, body, contentType }: ApiRequest, identity: Identity, more?: http.OutgoingHttpHeaders): http.ClientRequest {
    const { server } = this.#access;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers: http.OutgoingHttpHeaders = { accept: 'application/json', 'user-agent': this.#options.userAgent, ...more };
    if (identity.token !== undefined) headers['authorization'] = `Bearer ${identity.token}`;
    if (text !== undefined) {
      headers['content-type'] = contentType ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(text);
    }
    const { request } = server.protocol === 'http:' ? http : https;
    const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
    const sent = request(url, { method, headers, agent: this.#agentFor(identity) });
    sent.end(text);
    return sent;
  }

  /** Connections are of one identity: after a rotation new ones are made, and the old ones close when they are done. */
  #agentFor(identity: Identity): http.Agent {
    const current = this.#agent;
    if (current !== undefined && (['ca', 'cert', 'key'] as const).every((part) => current.identity[part] === identity[part]))
      return current.agent;
    for (const socket of Object.values(current?.agent.freeSockets ?? {}).flat()) socket?.destroy();
    const agent = this.#newAgent(identity);
    this.#agent = { agent, identity };
    return agent;
  }

  #newAgent({ ca, cert, key }: Identity): http.Agent {
    const { server, insecure, tlsServerName } = this.#access;
    const pool = { keepAlive: true, keepAliveMsecs: PROBE_AFTER_MS, timeout: IDLE_MS, maxFreeSockets: FREE_SOCKETS_MAX };
    if (server.protocol === 'http:') return new http.Agent(pool);
    return new https.Agent({
      ...pool,
      ca,
      cert,
      key,
      rejectUnauthorized: insecure !== true,
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    });
  }
}

async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

/** The request did not reach a server: it may be sent again, even if it creates something. */
const NOT_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];

/** @param reused a connection that the server closed meanwhile: it saw nothing of the request */
function unreachable(doing: string, error: unknown, reused = false): KubeArmorError {
  if (error instanceof KubeArmorError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const unsent = NOT_SENT.includes(code) || (reused && (code === 'ECONNRESET' || code === 'EPIPE'));
  const why = error instanceof Error && error.message !== '' ? error.message : code || String(error);
  return new KubeArmorError('API_UNREACHABLE', `${doing}: ${why}`, {
    cause: error,
    context: { unsent, isTls: /CERT|TLS|SSL|SIGNATURE/.test(code) },
  });
}
