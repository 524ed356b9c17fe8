// SPDX-License-Identifier: Apache-2.0
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { createConnectRouter } from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Logger } from '#base';
import type { GrpcService } from './service.ts';
import { statusInterceptor } from './status.ts';

export interface AdapterOptions {
  readonly services: readonly GrpcService[];
  readonly requestBytesMax: number;
  readonly shutdownSignal: AbortSignal;
  readonly logger: Logger;
}

const UNIMPLEMENTED = '12';

/** Names what is missing in the words of the reference implementation, percent-encoded as the gRPC protocol asks for. */
function missing(path: string, services: ReadonlySet<string>): string {
  const [, service = '', method = ''] = path.split('/', 3);
  const message = services.has(service) ? `unknown method ${method} for service ${service}` : `unknown service ${service}`;
  return message
    .slice(0, 200)
    .toWellFormed()
    .replace(/[^ -$&-~]+/g, encodeURIComponent);
}

/**
 * An HTTP/2 request handler for gRPC only. connect-node's own adapter throws, which would end the process, at an
 * `:authority` that is missing or no host (gRPC over Unix sockets sends such), and prints to the console.
 */
export function grpcAdapter(options: AdapterOptions): (request: Http2ServerRequest, response: Http2ServerResponse) => void {
  const router = createConnectRouter({
    grpc: true,
    grpcWeb: false,
    connect: false,
    acceptCompression: [],
    readMaxBytes: options.requestBytesMax,
    shutdownSignal: options.shutdownSignal,
    interceptors: [statusInterceptor(options.logger)],
  });
  for (const service of options.services) service(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const names = new Set(router.handlers.map((handler) => handler.service.typeName));

  return (request, response) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const handler = handlers.get(path);
    if (handler === undefined) {
      response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': UNIMPLEMENTED, 'grpc-message': missing(path, names) });
      response.end();
      return;
    }
    request.headers[':authority'] = 'localhost';
    handler(universalRequestFromNodeRequest(request, response, undefined, undefined))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      // Clients may leave at any time; handlers' own errors were told by the interceptor.
      .catch((error: unknown) => options.logger.debug(`answering ${path}: ${String(error)}`));
  };
}
