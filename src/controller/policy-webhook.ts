// SPDX-License-Identifier: Apache-2.0
import { CORE, POLICY_KINDS } from '#cluster';
import type { KubeApi } from '#k8s';
import { isMap, isNestedTooDeep, nestingIssue } from '#policy';
import type { PolicyKind } from '#policy';
import { WARNING_LIMITS } from './admission.ts';
import type { AdmissionAnswer, AdmissionRequest } from './admission.ts';
import type { PodQuery } from './pod-query.ts';
import { isSameSpec, refusalOf, warningOf } from './policy-review.ts';
import type { NodesFacts } from './policy-review.ts';
import type { Reviewed, Reviews } from './reviews.ts';

interface Parts {
  readonly reviews: Pick<Reviews, 'review'>;
  /** Asks whether there is a pod; throws where it cannot be said. */
  readonly hasPod: (query: PodQuery, signal: AbortSignal) => Promise<boolean>;
  readonly facts: () => NodesFacts;
}

/**
 * Answers for the four kinds of policies: refuses what `karmor policy check` refuses, and warns of what does not do what it seems to.
 * A dry run is answered as the real thing is; nothing is kept of either.
 */
export function policyWebhook({
  reviews,
  hasPod,
  facts,
}: Parts): (request: AdmissionRequest, signal: AbortSignal) => Promise<AdmissionAnswer> {
  return async (request, signal) => {
    const kind = kindOf(request);
    if (kind === undefined || request.operation === 'DELETE' || request.subResource !== '' || !isMap(request.object)) return {};
    if (request.operation === 'UPDATE' && isNothingNew(request)) return {};
    const deep = nestingIssue(request.object);
    if (deep !== undefined) return { refusal: refusalOf(kind, request.object, [deep]) };
    const reviewed = await reviews.review(kind, request.object, facts(), signal);
    const warnings = warningsOf(reviewed);
    const { refusal, pods } = reviewed.checked ?? {};
    if (refusal !== undefined) return { refusal, warnings: bounded(warnings) };
    const selected = pods === undefined ? undefined : await isSelecting(hasPod(pods, signal));
    return { warnings: bounded(selected === false ? [...warnings, NO_POD] : warnings) };
  };
}

/** Of two that nest too deep nothing can be compared; neither is in force anywhere, and their finalizers may go. */
const isNothingNew = ({ object, oldObject }: AdmissionRequest): boolean =>
  isNestedTooDeep(object) ? isNestedTooDeep(oldObject) : isSameSpec(object, oldObject);

const kindOf = ({ kind }: AdmissionRequest): PolicyKind | undefined =>
  Object.hasOwn(POLICY_KINDS, kind) ? (kind as PolicyKind) : undefined;

const NOT_CHECKED = warningOf({
  at: '',
  problem: 'there was no time to check it: agents do, and say in its status what they make of it',
  cure: 'or run `karmor policy check`',
});
const NOT_COMPARED = warningOf({
  at: '',
  problem: 'there was no time to compare it with the policies beside it',
  cure: 'run `karmor policy lint` on all of them',
});
const NO_POD = warningOf({
  at: 'spec.selector',
  problem: 'no pod has these labels now',
  cure: 'compare them with `kubectl get pods --show-labels`; pods that come later are covered from their start',
});

function warningsOf({ checked, lint }: Reviewed): readonly string[] {
  if (checked === undefined) return [NOT_CHECKED];
  return [...checked.warnings, ...(lint ?? [NOT_COMPARED])];
}

/** A question that fails is no reason to say anything. */
async function isSelecting(answer: Promise<boolean>): Promise<boolean | undefined> {
  try {
    return await answer;
  } catch {
    return undefined;
  }
}

/** As many whole ones as the API server passes on; what is left out is counted. */
function bounded(warnings: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let size = 0;
  for (const warning of new Set(warnings)) {
    size += Buffer.byteLength(warning);
    if (kept.length === WARNING_LIMITS.count - 1 || size > WARNING_LIMITS.all - WARNING_LIMITS.each) break;
    kept.push(warning);
  }
  const left = new Set(warnings).size - kept.length;
  return left === 0 ? kept : [...kept, `and ${left} more warnings: see \`karmor policy check\` and \`karmor policy lint\``];
}

/** Asks for one pod at most. */
export function podAsker(api: KubeApi): Parts['hasPod'] {
  return async ({ namespace, labelSelectors }, signal) => {
    for (const labelSelector of labelSelectors) {
      const found = await api.list(CORE.pods, { labelSelector, atMost: 1, ...(namespace === undefined ? {} : { namespace }) }, signal);
      if (found.length > 0) return true;
    }
    return false;
  };
}
