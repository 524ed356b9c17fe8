// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { Logger } from '#base';

/** Credentials of the process that connected, as of its connect(2). @source unix(7), SO_PEERCRED */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Decides about a connection by its file descriptor, before a byte of it is read. */
export type Authorize = (socketFd: number) => Promise<boolean> | boolean;

/**
 * Lets in processes of the given users only, for `serveGrpc`.
 *
 * @param peerCredentials reads SO_PEERCRED of a descriptor; undefined (unknown) is refused
 * @param uids user ids in the server's own user namespace
 * @param logger is told of a user the first time it is refused
 */
export function authorizeUids(
  peerCredentials: (socketFd: number) => PeerCredentials | undefined,
  uids: readonly number[],
  logger: Logger,
): Authorize {
  const told = new Set<number | undefined>();
  return (socketFd) => {
    const peer = peerCredentials(socketFd);
    if (peer !== undefined && uids.includes(peer.uid)) return true;
    if (!told.has(peer?.uid) && told.size < 1000) {
      told.add(peer?.uid);
      logger.warn('refusing a client: its user may not use this socket', { uid: peer?.uid, pid: peer?.pid });
    }
    return false;
  };
}

/** The descriptor of an accepted socket. Node has no public way; undefined if a later Node hides it, and then nobody is let in. */
export function socketFd(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** SETTINGS (empty) and GOAWAY with INADEQUATE_SECURITY: an HTTP/2 client learns that it was refused, and why. @source RFC 9113 6.5, 6.8, 7 */
export const REFUSAL: Buffer = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12]);
