// SPDX-License-Identifier: Apache-2.0
import { Code, ConnectError } from '@connectrpc/connect';
import { KubeArmorError } from '#base';
import type { ErrorCode } from '#base';

type Meaning = readonly [code: ErrorCode, why: string];

/** What went wrong below gRPC, by Node's, OpenSSL's or HTTP/2's code. */
const BY_NODE_CODE: Readonly<Record<string, Meaning>> = {
  ENOENT: ['UNREACHABLE', 'there is no such socket'],
  ECONNREFUSED: ['UNREACHABLE', 'connection refused: nobody listens there'],
  EACCES: ['PEER_REFUSED', 'permission denied on the socket'],
  EPERM: ['PEER_REFUSED', 'permission denied on the socket'],
  ENOTSOCK: ['PROTOCOL', 'that path is not a socket'],
  ETIMEDOUT: ['UNREACHABLE', 'no answer in time'],
  EHOSTUNREACH: ['UNREACHABLE', 'no route to the host'],
  ENETUNREACH: ['UNREACHABLE', 'no route to the network'],
  ENOTFOUND: ['UNREACHABLE', 'the host name is not known'],
  EAI_AGAIN: ['UNREACHABLE', 'the host name cannot be resolved now'],
  ECONNRESET: ['UNREACHABLE', 'the connection was reset'],
  EPIPE: ['UNREACHABLE', 'the connection was closed'],
  // Ours, see session.ts.
  TLS_CLOSED_AT_ONCE: ['PEER_REFUSED', 'the server closed the connection at once: it does not accept our certificate'],
  PLAINTEXT_CLOSED_AT_ONCE: ['PROTOCOL', 'the server closed the connection at once: it may expect TLS, or be no gRPC server'],
  ERR_HTTP2_ERROR: ['PROTOCOL', 'what answers is not HTTP/2'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['PROTOCOL', 'the server does not speak TLS'],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ['PROTOCOL', 'the server does not speak TLS'],
};

const BY_STATUS: Readonly<Partial<Record<Code, ErrorCode>>> = {
  [Code.Unavailable]: 'UNREACHABLE',
  [Code.DeadlineExceeded]: 'UNREACHABLE',
  [Code.Canceled]: 'UNREACHABLE',
  [Code.Aborted]: 'UNREACHABLE',
  [Code.PermissionDenied]: 'PEER_REFUSED',
  [Code.Unauthenticated]: 'PEER_REFUSED',
  [Code.ResourceExhausted]: 'LIMIT_EXCEEDED',
};

/** node:http2 tells a GOAWAY's error code in the message only. 12: INADEQUATE_SECURITY, see REFUSAL in peer.ts. */
const REFUSED = /closed with error code (?:12|NGHTTP2_INADEQUATE_SECURITY)\b/;

function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && !chain.includes(at); at = at.cause) {
    chain.push(at);
    // net.connect to a name with several addresses fails with all of them together.
    if (at instanceof AggregateError && at.cause === undefined && at.errors[0] instanceof Error) chain.push(at.errors[0]);
  }
  return chain;
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** TLS alerts are what the server says of our certificate; the others what we say of its. */
function meaningOf(chain: readonly Error[]): Meaning | undefined {
  for (const error of chain) {
    const code = codeOf(error);
    if (REFUSED.test(error.message)) return ['PEER_REFUSED', 'the server refused this user'];
    const known = BY_NODE_CODE[code];
    if (known !== undefined) return known;
    if (/^ERR_SSL_.*ALERT/.test(code)) return ['PEER_REFUSED', `the server refused our certificate (${code})`];
    if (/^ERR_TLS_|CERT|^UNABLE_TO_/.test(code)) return ['PEER_REFUSED', `the server’s certificate is not accepted (${error.message})`];
  }
  return undefined;
}

/**
 * Gives a failed call the error of its cause: the connection's, else the status that the server answered.
 *
 * @param connectionFailure why the connection broke, if it did: it explains a call that was cut off, not one that was answered
 */
export function clientError(error: unknown, address: string, connectionFailure?: Error): KubeArmorError {
  if (error instanceof KubeArmorError) return error;
  const status = ConnectError.from(error);
  const answered = status.isWireError;
  const meaning = meaningOf(chainOf(error)) ?? (answered ? undefined : meaningOf(chainOf(connectionFailure)));
  const [code, why]: Meaning = meaning ?? [BY_STATUS[status.code] ?? 'PROTOCOL', `${status.rawMessage} (${Code[status.code]})`];
  return new KubeArmorError(code, `calling ${address}: ${why}`, { cause: error, context: { address } });
}
