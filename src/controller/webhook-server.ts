// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { KubeArmorError } from '#base';
import type { Logger } from '#base';
import type { ServingPair } from '#pki';
import { readReview, renderReview } from './admission.ts';
import type { AdmissionAnswer, AdmissionRequest } from './admission.ts';
import { Shares } from './shares.ts';

/** Answers one request; when the signal aborts it has to answer with what it has. */
export type Admit = (request: AdmissionRequest, signal: AbortSignal) => AdmissionAnswer | Promise<AdmissionAnswer>;

/** Bounds of the server. The API server gives a request of 3 MiB at most, and sends the object before and after. */
export const WEBHOOK_LIMITS = {
  bodyBytes: 8 * 1024 * 1024,
  /** Requests of one path that have arrived and are being answered; more are told to come again. Paths do not share. */
  requests: 64,
  connections: 1_024,
  /** Of one address. An API server's requests arrive whole, so those of its that have not are few. */
  peerConnections: 128,
  peerArriving: 32,
  peerArrivingBytes: 32 * 1024 * 1024,
  /** Of all requests that have not arrived whole. */
  arrivingBytes: 192 * 1024 * 1024,
  /** For the answer's making, of the 5 s that the API server waits. */
  answerMs: 4_000,
  /** For a whole request to arrive. */
  arrivalMs: 4_000,
} as const;
type Limits = { readonly [K in keyof typeof WEBHOOK_LIMITS]: number };

export interface WebhookServerOptions {
  readonly port: number;
  readonly host?: string;
  /** By path. */
  readonly admit: Readonly<Record<string, Admit>>;
  /** PEM of authorities: only their clients are heard. Absent: everybody is. */
  readonly clientAuthorities?: string;
  readonly logger: Logger;
  /** Told of each answer. */
  readonly onAnswer?: (path: string, outcome: 'allowed' | 'refused' | 'error', ms: number) => void;
  readonly limits?: Partial<Limits>;
}

/**
 * The HTTPS server that the API server asks. It listens from the start; until it has a certificate no handshake succeeds, and a new one
 * is shown to whoever connects next.
 */
export class WebhookServer implements AsyncDisposable {
  readonly #options: WebhookServerOptions;
  readonly #limits: Limits;
  readonly #server: Server;
  #shown: ServingPair | undefined;
  readonly #connections: Shares;
  readonly #arriving: Shares;
  readonly #arrivingBytes: Shares;
  readonly #answering: Shares;

  private constructor(options: WebhookServerOptions) {
    this.#options = options;
    this.#limits = { ...WEBHOOK_LIMITS, ...options.limits };
    const { arrivalMs, connections, peerConnections, peerArriving, peerArrivingBytes, arrivingBytes, requests } = this.#limits;
    this.#connections = new Shares({ each: peerConnections });
    this.#arriving = new Shares({ each: peerArriving });
    this.#arrivingBytes = new Shares({ each: peerArrivingBytes, all: arrivingBytes });
    this.#answering = new Shares({ each: requests });
    const timeouts = {
      requestTimeout: arrivalMs,
      headersTimeout: arrivalMs,
      handshakeTimeout: arrivalMs,
      connectionsCheckingInterval: 1_000,
    };
    this.#server = createServer({ ...this.#secure(), ...timeouts }, (request, response) => void this.#serve(request, response));
    this.#server.maxConnections = connections;
    this.#server.on('connection', (socket: Socket) => {
      const leave = this.#connections.take(socket.remoteAddress ?? '');
      if (leave === undefined) socket.destroy();
      else socket.once('close', leave);
    });
    this.#server.on('tlsClientError', () => {}); // a client that cannot speak with us, or does not trust us: its own matter
  }

  /** @throws {KubeArmorError} `HOST_IO` where it cannot listen */
  static async open(options: WebhookServerOptions): Promise<WebhookServer> {
    const self = new WebhookServer(options);
    self.#server.listen(options.port, options.host);
    try {
      await once(self.#server, 'listening');
    } catch (error) {
      throw new KubeArmorError('HOST_IO', `listening on port ${options.port}: ${messageOf(error)}`, { cause: error });
    }
    return self;
  }

  /**
   * Shows this certificate from the next connection on.
   *
   * @throws {KubeArmorError} `CONFIG_INVALID` where TLS does not take it; the one before stays
   */
  show(pair: ServingPair): void {
    if (this.#shown?.certificate === pair.certificate && this.#shown.key === pair.key) return;
    try {
      this.#server.setSecureContext({ ...this.#secure(), cert: pair.certificate, key: pair.key });
    } catch (error) {
      throw new KubeArmorError('CONFIG_INVALID', `showing the webhook's certificate: ${messageOf(error)}`, { cause: error });
    }
    this.#shown = pair;
  }

  get hasCertificate(): boolean {
    return this.#shown !== undefined;
  }

  /** The port in use. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Ends when the requests that came are answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    setTimeout(() => this.#server.closeAllConnections(), this.#limits.answerMs).unref();
    await closed;
  }

  #secure(): { minVersion: 'TLSv1.2'; ca?: string; requestCert?: boolean; rejectUnauthorized?: boolean } {
    const { clientAuthorities: ca } = this.#options;
    return { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }) };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const admit = Object.hasOwn(this.#options.admit, path) ? this.#options.admit[path] : undefined;
    const { code, text, outcome } = await this.#reply(request, path, admit);
    this.#options.onAnswer?.(admit === undefined ? 'unknown' : path, outcome, performance.now() - startedMs);
    if (response.destroyed) return; // the client went away
    // After an error the rest of the body is not read: the connection goes.
    const headers = code === 200 ? { 'content-type': 'application/json' } : { 'content-type': 'text/plain', connection: 'close' };
    response.writeHead(code, headers).end(text);
  }

  async #reply(request: IncomingMessage, path: string, admit: Admit | undefined): Promise<Reply> {
    if (admit === undefined) return error(404, 'there is nothing here');
    if (request.method !== 'POST') return error(405, 'send an AdmissionReview by POST');
    try {
      const body = await this.#receive(request);
      return typeof body === 'string' ? await this.#answer(body, path, admit) : body;
    } catch (cause) {
      // One object must not end the program: the API server acts as the webhook's failure policy says.
      if (request.complete) this.#options.logger.error('answering an admission request', { path, cause: messageOf(cause) });
      return error(500, 'the answer could not be made; the controller’s log says why');
    }
  }

  /** The whole body. What has not arrived takes nobody's turn: whoever can connect could keep the API server out by it. */
  async #receive(request: IncomingMessage): Promise<string | Reply> {
    const peer = request.socket.remoteAddress ?? '';
    const leave = this.#arriving.take(peer);
    if (leave === undefined) return error(503, 'too many requests of this address have not arrived; try again');
    const given: (() => void)[] = [leave];
    const { bodyBytes } = this.#limits;
    const chunks: Buffer[] = [];
    let size = Number(request.headers['content-length'] ?? 0);
    try {
      if (size > bodyBytes) return tooBig(bodyBytes);
      size = 0;
      // Kept open when it is left early: the client gets an answer, not a broken connection.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > bodyBytes) return tooBig(bodyBytes);
        const giveBack = this.#arrivingBytes.take(peer, chunk.length);
        if (giveBack === undefined) return error(503, 'too much that has not arrived whole; try again');
        given.push(giveBack);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString('utf8');
    } finally {
      for (const giveBack of given) giveBack();
    }
  }

  async #answer(body: string, path: string, admit: Admit): Promise<Reply> {
    const leave = this.#answering.take(path);
    if (leave === undefined) return error(503, 'too many requests at once; try again');
    try {
      const review = readReview(body);
      if (typeof review === 'string') return error(400, review);
      const answer = await admit(review, AbortSignal.timeout(this.#limits.answerMs));
      const outcome = answer.refusal === undefined ? 'allowed' : 'refused';
      return { code: 200, text: renderReview(review.uid, answer), outcome };
    } finally {
      leave();
    }
  }
}

interface Reply {
  readonly code: number;
  readonly text: string;
  readonly outcome: 'allowed' | 'refused' | 'error';
}

const error = (code: number, why: string): Reply => ({ code, text: `${why}\n`, outcome: 'error' });

const tooBig = (most: number): Reply => error(413, `the body is bigger than ${most} bytes`);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
