// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import { KubeArmorError } from '#base';
import type { Kind, ObjectRef } from './api.ts';
import type { Caller } from './caller.ts';
import { FORWARD_PROTOCOL, ForwardedConnection } from './port-forward.ts';
import { queryText, resourcePath } from './resource-path.ts';
import { statusError } from './status-error.ts';
import type { ApiRequest, Transport, Upgraded } from './transport.ts';

/** Which part of a container's log. */
export interface PodLogOptions {
  readonly container: string;
  /** Of the container before it was started anew. */
  readonly previous?: boolean;
  /** The last so many lines. */
  readonly tailLines: number;
  /** At most so many bytes. */
  readonly limitBytes: number;
}

/** What the API server lets through to a pod, by way of the kubelet of its node. Throws as `KubeApi`; the pod may be gone. */
export interface PodStreams {
  /**
   * One connection to a port of a pod, as its own loopback sees it. Where nobody listens there, or the pod goes, the connection ends
   * with an error that says so.
   *
   * @param signal for the making of the connection; afterwards destroy it
   */
  forward(pod: ObjectRef, port: number, signal?: AbortSignal): Promise<Duplex>;
  /** @returns the text of a container's log */
  logs(pod: ObjectRef, options: PodLogOptions, signal?: AbortSignal): Promise<string>;
}

const PODS: Kind = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
/** @source RFC 6455, section 1.3 */
const ACCEPT_SALT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Over the connections of an API client. */
export class PodClient implements PodStreams {
  readonly #transport: Transport;
  readonly #caller: Caller;

  constructor(transport: Transport, caller: Caller) {
    this.#transport = transport;
    this.#caller = caller;
  }

  async forward(pod: ObjectRef, port: number, signal?: AbortSignal): Promise<Duplex> {
    const doing = `forwarding port ${port} of the pod "${pod.namespace}/${pod.name}"`;
    const path = `${resourcePath(PODS, pod)}/portforward${queryText({ ports: String(port) })}`;
    const request: ApiRequest = { method: 'GET', path, doing, signal };
    const key = randomBytes(16).toString('base64');
    const headers: OutgoingHttpHeaders = {
      accept: '*/*', // the kubelet answers 406 to any type that is named
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
      'sec-websocket-protocol': FORWARD_PROTOCOL,
    };
    let answer = await this.#transport.upgrade(request, headers);
    if ('refused' in answer && answer.refused.statusCode === 401) {
      answer.refused.destroy(); // the credentials may have been renewed a moment ago
      answer = await this.#transport.upgrade(request, headers, true);
    }
    if ('refused' in answer) {
      const body = await this.#transport.read(request, answer.refused);
      throw statusError(doing, { status: answer.refused.statusCode ?? 0, body });
    }
    return connectionOf(answer.upgraded, key, doing);
  }

  async logs(pod: ObjectRef, options: PodLogOptions, signal?: AbortSignal): Promise<string> {
    const { container, previous = false, tailLines, limitBytes } = options;
    const query = queryText({
      container,
      previous: previous ? 'true' : undefined,
      tailLines: String(tailLines),
      limitBytes: String(limitBytes),
    });
    const doing = `reading the log of ${container} in the pod "${pod.namespace}/${pod.name}"`;
    const request: ApiRequest = { method: 'GET', path: `${resourcePath(PODS, pod)}/log${query}`, doing, signal };
    return this.#transport.read(request, await this.#caller.stream(request));
  }
}

/** @throws {KubeArmorError} `API_UNREACHABLE` where the answer is not that of a WebSocket with our protocol */
function connectionOf({ socket, head, headers }: Upgraded, key: string, doing: string): Duplex {
  const accept = createHash('sha1').update(`${key}${ACCEPT_SALT}`).digest('base64');
  const speaks = headers['sec-websocket-protocol'] === FORWARD_PROTOCOL;
  if (speaks && headers['sec-websocket-accept'] === accept) return new ForwardedConnection(socket, head);
  socket.destroy();
  const why = speaks ? 'the answer is no WebSocket' : `the kubelet’s answer is not in ${FORWARD_PROTOCOL}`;
  throw new KubeArmorError('API_UNREACHABLE', `${doing}: ${why}`);
}
