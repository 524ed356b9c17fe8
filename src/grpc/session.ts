// SPDX-License-Identifier: Apache-2.0
import http2 from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, ClientSessionRequestOptions, OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';

/**
 * One HTTP/2 connection, made when a call needs it and again after it broke; for `createGrpcTransport`.
 *
 * connect-node's own session manager leaves a session without an error listener for a moment, and a peer that answers
 * something else than HTTP/2 then ends the process.
 */
export class ClientSession {
  readonly authority: string;
  readonly #dial: () => Duplex;
  #session: Promise<ClientHttp2Session> | undefined;
  #calls = 0;
  #failure: Error | undefined;
  #closed = false;

  constructor(authority: string, dial: () => Duplex) {
    this.authority = authority;
    this.#dial = dial;
  }

  /** Why the last connection broke; calls on it only learn that they were cancelled. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: ClientSessionRequestOptions,
  ): Promise<ClientHttp2Stream> {
    if (this.#closed) throw new Error('the connection was closed by its owner');
    for (let attempt = 1; ; attempt++) {
      const session = await (this.#session ??= this.#open());
      try {
        const stream = session.request({ ...headers, ':method': method, ':path': path }, options);
        this.#keepAlive(session, stream);
        return stream;
      } catch (error) {
        // It ended between two calls and the news came late.
        if (attempt >= 3 || !(session.closed || session.destroyed)) throw error;
        this.#session = undefined;
      }
    }
  }

  /** Part of connect-node's contract: for its pings, which TCP keepalive does here. */
  notifyResponseByteRead(): void {}

  /** Ends the connection and its calls; later ones fail. */
  close(): void {
    this.#closed = true;
    void this.#session?.then((session) => session.destroy()).catch(() => {});
    this.#session = undefined;
  }

  /** A connection without calls does not keep the program alive. */
  #keepAlive(session: ClientHttp2Session, stream: ClientHttp2Stream): void {
    if (this.#calls++ === 0) session.ref();
    stream.once('close', () => {
      if (--this.#calls === 0 && !session.destroyed) session.unref();
    });
  }

  #open(): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    this.#failure = undefined;
    const session = http2.connect(this.authority, { createConnection: this.#dial });
    let spoke = false;
    session.once('remoteSettings', () => (spoke = true));
    const forget = (): void => {
      if (this.#session === promise) this.#session = undefined;
    };
    session.on('error', (error) => {
      this.#failure ??= error;
      forget();
      reject(error);
    });
    session.on('goaway', forget);
    session.on('close', () => {
      // With TLS 1.3 a refused certificate shows as nothing but an end: the handshake was over, and http2 hides the alert.
      if (!spoke && !this.#closed) {
        this.#failure ??= Object.assign(new Error('the connection was closed at once'), {
          code: `${this.authority.startsWith('https') ? 'TLS' : 'PLAINTEXT'}_CLOSED_AT_ONCE`,
        });
      }
      forget();
      reject(new Error('the connection was closed'));
    });
    session.on('connect', () => resolve(session));
    return promise;
  }
}
