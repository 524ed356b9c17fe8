// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClusterAccess, Identity } from '../access.ts';

/** One request as it came. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Step = (asked: Asked, response: ServerResponse) => void;

/** A server on loopback that does what its script says, a step a request; a request without a step gets 500. */
export class ScriptedServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly script: Step[] = [];
  connections = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #url = 'http://127.0.0.1:0';

  static async open(...script: readonly Step[]): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    server.script.push(...script);
    server.#server.on('connection', () => server.connections++);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.#url = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }

  access(identify: (fresh: boolean) => Identity = () => ({})): ClusterAccess {
    return { server: new URL(this.#url), identify: (fresh) => Promise.resolve(identify(fresh)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const asked = {
      method: request.method ?? '',
      url: new URL(request.url ?? '/', this.#url),
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    };
    this.asked.push(asked);
    const step = this.script.shift() ?? answers(500, { message: 'the script is over' });
    step(asked, response);
  }
}

/** Answers with JSON, or with a text as it is. */
export function answers(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Step {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Cuts the connection without an answer. */
export const hangsUp: Step = (_, response) => void response.socket?.destroy();

/** Never answers. */
export const saysNothing: Step = () => {};

/** Sends these lines of a watch, then ends, is cut, or stays open. */
export function streams(lines: readonly unknown[], then: 'end' | 'cut' | 'stay'): Step {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const line of lines) response.write(typeof line === 'string' ? line : `${JSON.stringify(line)}\n`);
    if (then === 'end') response.end();
    if (then === 'cut') response.write('', () => response.socket?.end());
  };
}
