// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { createServer } from 'node:http';
import { KubeArmorError } from './errors.ts';

/** A page: its status and text. */
export type Page = () => { readonly code: number; readonly text: string; readonly type?: string };

export interface PlainServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * A small HTTP server of a few pages by path, for GET alone: health, and metrics on loopback.
 *
 * @throws {KubeArmorError} `HOST_IO` where it cannot listen
 */
export async function servePages(
  address: { readonly host: string; readonly port: number },
  pages: Readonly<Record<string, Page>>,
): Promise<PlainServer> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const page = Object.hasOwn(pages, path) && (request.method === 'GET' || request.method === 'HEAD') ? pages[path] : undefined;
    const { code, text, type } = page?.() ?? { code: 404, text: 'there is nothing here\n' };
    response.writeHead(code, { 'content-type': type ?? 'text/plain; charset=utf-8' }).end(text);
  });
  server.maxConnections = 64;
  server.listen(address.port, address.host === '' ? undefined : address.host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KubeArmorError('HOST_IO', `listening on ${address.host}:${address.port}: ${why}`, { cause: error });
  }
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
