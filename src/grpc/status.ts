// SPDX-License-Identifier: Apache-2.0
import { Code, ConnectError } from '@connectrpc/connect';
import type { Interceptor } from '@connectrpc/connect';
import { KubeArmorError } from '#base';
import type { ErrorCode, Logger } from '#base';

/** The gRPC status a handler's KubeArmorError is answered with. */
export const STATUS_OF = {
  USAGE: Code.InvalidArgument,
  CONFIG_INVALID: Code.InvalidArgument,
  POLICY_INVALID: Code.InvalidArgument,
  UNREACHABLE: Code.Unavailable,
  PEER_REFUSED: Code.PermissionDenied,
  PROTOCOL: Code.Internal,
  NOT_SUPPORTED: Code.FailedPrecondition,
  KERNEL_LOAD: Code.Internal,
  KERNEL_CALL: Code.Internal,
  LIMIT_EXCEEDED: Code.ResourceExhausted,
  API_UNREACHABLE: Code.Unavailable,
  API_REFUSED: Code.PermissionDenied,
  API_CONFLICT: Code.Aborted,
  API_INVALID: Code.InvalidArgument,
  RUNTIME_UNREACHABLE: Code.Unavailable,
  HOST_IO: Code.Internal,
} as const satisfies Record<ErrorCode, Code>;

function asStatus(error: unknown, method: string, logger: Logger): unknown {
  if (error instanceof ConnectError) return error;
  if (error instanceof KubeArmorError) return new ConnectError(error.message, STATUS_OF[error.code], undefined, undefined, error);
  // An abort's reason is whatever the aborter gave; the call is over, nobody sees the status.
  if (error instanceof Error && error.name === 'AbortError') return new ConnectError('cancelled', Code.Canceled);
  logger.error(`answering ${method}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return new ConnectError('internal error', Code.Internal);
}

/** Gives every error of a handler its status; what is neither ours nor gRPC's is a bug: logged, and told as Internal. */
export function statusInterceptor(logger: Logger): Interceptor {
  return (next) => async (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    try {
      const response = await next(request);
      if (!response.stream) return response;
      const messages = response.message;
      async function* translated(): AsyncGenerator<typeof messages extends AsyncIterable<infer M> ? M : never> {
        try {
          yield* messages;
        } catch (error) {
          throw asStatus(error, method, logger);
        }
      }
      return { ...response, message: translated() };
    } catch (error) {
      throw asStatus(error, method, logger);
    }
  };
}
