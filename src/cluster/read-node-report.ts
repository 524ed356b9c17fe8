// SPDX-License-Identifier: Apache-2.0
import { REPORT_LIMITS } from './node-report.ts';
import type { PolicyReason, PolicyReport } from './node-report.ts';

/** What a policy's status and the webhooks need of a node's report. */
export interface ReportedNode {
  readonly state: 'enforcing' | 'degraded' | 'unknown';
  /** Images in force, and those of them whose canary failed or that somebody changed. */
  readonly images: { readonly count: number; readonly failed: number };
  readonly lacks: readonly { readonly construct: string; readonly reason: string }[];
  /** By `policyRef`. */
  readonly policies: ReadonlyMap<string, PolicyReport>;
}

/** Policies of one report beyond which nothing is read: an object of the API server has no room for as many. */
const POLICIES_MAX = 20_000;
const REF = /^(ksp\/[^/]+|csp|hsp|nsp)\/[^/]+$/;
const STATES = ['Enforced', 'Degraded', 'Refused', 'Failed', 'Pending'] as const;

/**
 * Reads `status` of a KubeArmorNode. A node may write anything there, also one that somebody has taken over: what has no sense is left
 * out, texts and numbers are bounded, and it never throws.
 */
export function readNodeReport(status: unknown): ReportedNode {
  const report = mapOf(status);
  const state = report['state'];
  const { images, failed } = mapOf(report['proof']);
  const lacks = listOf(report['lacks']).slice(0, REPORT_LIMITS.lacksPerNode).map(mapOf);
  const policies = new Map<string, PolicyReport>();
  for (const [ref, value] of Object.entries(mapOf(report['policies'])).slice(0, POLICIES_MAX)) {
    const policy = REF.test(ref) ? readPolicy(mapOf(value)) : undefined;
    if (policy !== undefined) policies.set(ref, policy);
  }
  return {
    state: state === 'enforcing' || state === 'degraded' ? state : 'unknown',
    images: { count: countOf(images) ?? 0, failed: countOf(failed) ?? 0 },
    lacks: lacks.map(({ construct, reason }) => ({ construct: textOf(construct), reason: textOf(reason) })),
    policies,
  };
}

function readPolicy(value: Readonly<Record<string, unknown>>): PolicyReport | undefined {
  const generation = countOf(value['generation']);
  const state = value['state'] === undefined ? 'Enforced' : STATES.find((known) => known === value['state']);
  if (generation === undefined || state === undefined) return undefined;
  const inForce = countOf(value['inForce']);
  const workloads = countOf(value['workloads']) ?? 0;
  const more = countOf(value['more']) ?? 0;
  const reasons = listOf(value['reasons'])
    .slice(0, REPORT_LIMITS.reasonsPerPolicy)
    .map((one) => readReason(mapOf(one)));
  return { generation, workloads, state, reasons, more, ...(inForce === undefined ? {} : { inForce }) };
}

function readReason({ code, rule, message }: Readonly<Record<string, unknown>>): PolicyReason {
  const at = textOf(rule);
  return {
    code: /^[A-Z][A-Za-z]{0,63}$/.exec(textOf(code))?.[0] ?? 'Unknown',
    message: textOf(message),
    ...(at === '' ? {} : { rule: at }),
  };
}

/** Of own properties only; anything but a map is an empty one. */
function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Workloads and generations fit; anything else is as absent. */
const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

function textOf(value: unknown): string {
  return typeof value === 'string' ? boundedText(value, REPORT_LIMITS.textBytes) : '';
}

/** A text of at most so many bytes, in whole characters and without those that move a terminal’s cursor. */
export function boundedText(text: string, bytes: number): string {
  // A character has at least one byte, so nothing that would stay is cut here.
  // oxlint-disable-next-line no-control-regex -- terminals must not get them
  const plain = text
    .slice(0, bytes + 1)
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '·');
  if (Buffer.byteLength(plain) <= bytes) return plain;
  const kept: string[] = [];
  let left = bytes - Buffer.byteLength('…');
  for (const character of plain) {
    left -= Buffer.byteLength(character);
    if (left < 0) break;
    kept.push(character);
  }
  return `${kept.join('')}…`;
}
