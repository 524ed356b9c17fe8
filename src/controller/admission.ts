// SPDX-License-Identifier: Apache-2.0
import { fieldsOf } from '#cluster';
import { isMap } from '#policy';

/** What the API server asks before it takes an object. @source Kubernetes, admission.k8s.io/v1 */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: string;
  readonly resource: string;
  readonly subResource: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  readonly isDryRun: boolean;
  /** As the user sent it, with defaults; undefined where there is none. */
  readonly object: unknown;
  readonly oldObject: unknown;
}

/** Why an object is refused. */
export interface Refusal {
  /** HTTP status that the user's client sees. */
  readonly code: 403 | 422;
  readonly reason: 'Forbidden' | 'Invalid';
  readonly message: string;
  readonly causes?: readonly { readonly field: string; readonly message: string }[];
}

/** What is answered. */
export interface AdmissionAnswer {
  /** Absent: allowed. */
  readonly refusal?: Refusal;
  /** Shown to whoever sent the object. */
  readonly warnings?: readonly string[];
}

/** As the API documents them: longer ones may be cut, and all together at 4096. */
export const WARNING_LIMITS = { each: 256, all: 4_000, count: 20 } as const;

const API = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' } as const;
const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

/** Reads the body of a request; a string says why it is none. */
export function readReview(body: string): AdmissionRequest | string {
  const review = parseJson(body);
  if (!isMap(review)) return 'the body is no JSON object';
  if (review['apiVersion'] !== API.apiVersion || review['kind'] !== API.kind) return `the body is no AdmissionReview of ${API.apiVersion}`;
  const { request } = review;
  if (!isMap(request)) return 'request: is missing';
  const operation = OPERATIONS.find((known) => known === request['operation']);
  const uid = textOf(request['uid']);
  if (uid === '' || uid.length > 253) return 'request.uid: must be 1 to 253 characters';
  if (operation === undefined) return `request.operation: must be one of ${OPERATIONS.join(', ')}`;
  return {
    uid,
    operation,
    kind: textOf(fieldsOf(request['kind'])['kind']),
    resource: textOf(fieldsOf(request['resource'])['resource']),
    subResource: textOf(request['subResource']),
    namespace: textOf(request['namespace']),
    isDryRun: request['dryRun'] === true,
    object: request['object'] ?? undefined,
    oldObject: request['oldObject'] ?? undefined,
  };
}

/** The body of an answer. */
export function renderReview(uid: string, { refusal, warnings = [] }: AdmissionAnswer): string {
  const told = warnings.length === 0 ? {} : { warnings };
  const response = refusal === undefined ? { uid, allowed: true, ...told } : { uid, allowed: false, ...told, status: statusOf(refusal) };
  return JSON.stringify({ ...API, response });
}

function statusOf({ code, reason, message, causes = [] }: Refusal): object {
  const details = causes.length === 0 ? {} : { details: { causes: causes.map((one) => ({ reason: 'FieldValueInvalid', ...one })) } };
  return { status: 'Failure', code, reason, message, ...details };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
