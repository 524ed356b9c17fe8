// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { ErrorCode } from '#base';
import { retryAfterMs } from './backoff.ts';
import { isRecord, textOf } from './read-object.ts';

const MESSAGE_MAX = 2_000;

export interface Refusal {
  readonly status: number;
  /** A `Status` if the API server wrote it. */
  readonly body: string;
  readonly retryAfter?: string | undefined;
  /** Then 404 is a conflict: the object, its namespace or its kind is not there (any more). */
  readonly isWrite?: boolean;
}

/**
 * What a refusal of the API server means.
 *
 * @param doing for the message, like `creating pods "a"`
 * @returns the error, with the HTTP status as `context.status`
 * @source Kubernetes API conventions, “HTTP Status codes” and “Response Status Kind”
 */
export function statusError(doing: string, { status, body, retryAfter, isWrite = false }: Refusal): KubeArmorError {
  const message = messageOf(status, body);
  const code = isWrite && status === 404 ? 'API_CONFLICT' : codeOf(status, message);
  return new KubeArmorError(code, `${doing}: ${message}`, { context: { status, retryAfterMs: retryAfterMs(retryAfter) } });
}

/** How long the server asks us to stay away, in milliseconds; 0 where it does not. */
export function askedPauseMs(error: unknown): number {
  const askedMs = error instanceof KubeArmorError ? error.context['retryAfterMs'] : undefined;
  return typeof askedMs === 'number' ? askedMs : 0;
}

/** The HTTP status that an error is about. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof KubeArmorError ? error.context['status'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** The server no longer remembers that resource version, or that page: list again. */
export const isGone = (error: unknown): boolean => statusOf(error) === 410;

function codeOf(status: number, message: string): ErrorCode {
  // A webhook's denial has the status that the webhook chose, which often is 403.
  if (status < 500 && /^admission webhook ".*" denied the request/.test(message)) return 'API_INVALID';
  if (status === 401 || status === 403) return 'API_REFUSED';
  if (status === 409) return 'API_CONFLICT';
  if (status === 404 || status === 408 || status === 410 || status === 429 || status >= 500 || status < 400) return 'API_UNREACHABLE';
  return 'API_INVALID';
}

function messageOf(status: number, body: string): string {
  const told = tell(body);
  if (told !== undefined && told !== '') return told.slice(0, MESSAGE_MAX);
  return `the API server answered with status ${status}`;
}

function tell(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return isRecord(parsed) ? textOf(parsed, 'message') : undefined;
  } catch {
    return undefined; // a proxy's page: its status says enough
  }
}
