// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import { KubeArmorError } from '#base';
import { pause, pauseMs } from './backoff.ts';
import type { Pauses } from './backoff.ts';
import { isRecord } from './read-object.ts';
import { askedPauseMs, statusError, statusOf } from './status-error.ts';
import type { ApiAnswer, ApiRequest, Transport } from './transport.ts';

export interface Retries {
  /** In all, the first included. */
  readonly tries: number;
  readonly pauses: Pauses;
}

/** Requests, tried again where that may help and cannot do a thing twice. */
export class Caller {
  readonly #transport: Transport;
  readonly #retries: Retries;

  constructor(transport: Transport, retries: Retries) {
    this.#transport = transport;
    this.#retries = retries;
  }

  /**
   * The answer, a JSON object.
   *
   * @param retries other than the usual ones
   * @throws {KubeArmorError} as `KubeApi` says
   */
  async ask(request: ApiRequest, retries: Retries = this.#retries): Promise<Record<string, unknown>> {
    for (let failures = 1; ; failures++) {
      const { answer, error } = await this.#once(request);
      if (error === undefined) return parseAnswer(request.doing, answer);
      if (failures >= retries.tries || !mayRepeat(request, error)) throw error;
      await pause(Math.max(askedPauseMs(error), pauseMs(retries.pauses, failures)), request.signal);
      request.signal?.throwIfAborted();
    }
  }

  /** The head of an answer whose body is a stream; refusals are thrown. */
  async stream(request: ApiRequest): Promise<IncomingMessage> {
    const first = await this.#open(request, false);
    const response = first.statusCode === 401 ? await this.#open(request, true) : first;
    if (response !== first) first.destroy();
    if (response.statusCode === 200) return response;
    const body = await this.#transport.read(request, response);
    throw statusError(request.doing, { status: response.statusCode ?? 0, body, retryAfter: response.headers['retry-after'] });
  }

  async #open(request: ApiRequest, fresh: boolean): Promise<IncomingMessage> {
    try {
      return await this.#transport.open(request, fresh);
    } catch (error) {
      if (fresh || !isTls(error)) throw error;
      return this.#transport.open(request, true);
    }
  }

  async #once(request: ApiRequest): Promise<{ readonly answer?: ApiAnswer; readonly error?: KubeArmorError }> {
    try {
      const first = await this.#fetch(request, false);
      // The credentials may have been renewed a moment ago.
      const answer = first.status === 401 ? await this.#transport.fetch(request, true) : first;
      const isWrite = request.method !== 'GET';
      return answer.status < 300 ? { answer } : { error: statusError(request.doing, { ...answer, isWrite }) };
    } catch (error) {
      if (error instanceof KubeArmorError) return { error };
      throw error;
    }
  }

  async #fetch(request: ApiRequest, fresh: boolean): Promise<ApiAnswer> {
    try {
      return await this.#transport.fetch(request, fresh);
    } catch (error) {
      if (!isTls(error)) throw error;
      return this.#transport.fetch(request, true);
    }
  }
}

const isTls = (error: unknown): boolean => error instanceof KubeArmorError && error.context['isTls'] === true;

function mayRepeat({ method }: ApiRequest, error: KubeArmorError): boolean {
  const status = statusOf(error);
  if (status === undefined) return error.code === 'API_UNREACHABLE' && (method !== 'POST' || error.context['unsent'] === true);
  // A create may have been done though its answer says 500 or 504; these two are said before anything is done.
  return method === 'POST' ? status === 429 || status === 503 : [429, 500, 502, 503, 504].includes(status);
}

function parseAnswer(doing: string, answer: ApiAnswer | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(answer?.body ?? '');
    if (isRecord(value)) return value;
  } catch {
    // said below
  }
  throw new KubeArmorError('API_UNREACHABLE', `${doing}: the answer is no JSON object: is there an API server at that address?`);
}
