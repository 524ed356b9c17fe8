// SPDX-License-Identifier: Apache-2.0
import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';

/** A service with its implementation, for `serveGrpc`. */
export type GrpcService = (router: ConnectRouter) => void;

/**
 * Joins a service of `#wire` with its implementation.
 *
 * A handler that throws a KubeArmorError answers with the status of its code; anything else it throws is logged as a
 * bug and answered with Internal.
 */
export function grpcService<S extends DescService>(definition: S, implementation: ServiceImpl<S>): GrpcService {
  return (router) => {
    router.service(definition, implementation);
  };
}
