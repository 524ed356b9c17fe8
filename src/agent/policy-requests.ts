// SPDX-License-Identifier: Apache-2.0
import { formatIssue } from '#base';
import type { Issue } from '#base';
import { fieldsOf } from '#cluster';
import type { Fields } from '#cluster';
import { LIMITS, parsePolicyObject, rpcSelectorProblem } from '#policy';
import type { Policy, PolicyKind } from '#policy';
import { CONFIRM_TYPE, PolicyStatus, TRIAL_TYPE } from '#wire';
import { CONTAINER_NAMESPACE } from './policy-identity.ts';
import type { PolicyKeeper, PutResult } from './policy-keeper.ts';
import { TRIAL_SECONDS } from './trials.ts';

/** What the RPC answers, and why: KubeArmor's answer has no room for a reason. */
export interface Answer {
  readonly status: PolicyStatus;
  /** Empty where there is nothing to say. */
  readonly reason: string;
  /** The request was about a trial: seconds that it lasts, or `confirmed`. */
  readonly trial?: string;
}

export interface PolicyRequestOptions {
  readonly keeper: Pick<PolicyKeeper, 'put' | 'remove' | 'confirm'>;
  readonly containerPolicies: boolean;
  readonly hostPolicies: boolean;
  readonly networkPolicies: boolean;
}

/** Who answers: a keeper, or nobody, for this reason. */
export type PolicyAnswers = PolicyRequestOptions | { readonly off: string };

export type PolicyMethod = 'containerPolicy' | 'hostPolicy' | 'networkPolicy';

const KIND_OF: { readonly [K in PolicyMethod]: PolicyKind } = {
  containerPolicy: 'KubeArmorPolicy',
  hostPolicy: 'KubeArmorHostPolicy',
  networkPolicy: 'KubeArmorNetworkPolicy',
};

const answer = (status: PolicyStatus, reason = ''): Answer => ({ status, reason });
const invalid = (reason: string): Answer => answer(PolicyStatus.Invalid, reason);

/**
 * Answers a request of `policy.PolicyService` as KubeArmor does.
 *
 * The bytes are JSON: `{"type": "ADDED|MODIFIED|DELETED", "object": {"metadata": …, "spec": …}}`. Another type changes nothing and is
 * answered with Modified, as KubeArmor's agent does. Beyond KubeArmor a policy with any problem is Invalid, and cluster policies
 * come with the container policies, told apart by `kind`. Two more types: `ADDED_FOR` with `seconds` is ADDED on trial, `CONFIRMED`
 * with a name alone, of any method, ends the trial of that name for good.
 */
export async function answerPolicy(method: PolicyMethod, bytes: Uint8Array, options: PolicyAnswers): Promise<Answer> {
  if ('off' in options) return answer(PolicyStatus.NotEnabled, options.off);
  const off = switchedOff(method, options);
  if (off !== undefined) return answer(PolicyStatus.NotEnabled, `${off} are switched off`);
  const event = decodeEvent(bytes);
  if (typeof event === 'string') return invalid(event);
  if (event.type === CONFIRM_TYPE) return await answerConfirm(event.object, options);
  if (event.type === 'DELETED') return await answerDelete(method, event.object, options);
  const read = readPolicy(method, event.object);
  if ('status' in read) return read;
  if (event.type === TRIAL_TYPE) return await answerTrial(method, read.policy, event.seconds, options);
  if (event.type !== 'ADDED' && event.type !== 'MODIFIED') {
    return answer(PolicyStatus.Modified, `nothing was changed: the type ${JSON.stringify(event.type)} is none of ADDED, MODIFIED, DELETED`);
  }
  const result = await options.keeper.put(read.policy);
  const isOff = method === 'containerPolicy' && !options.containerPolicies;
  return putAnswer(method, event.type, isOff ? { ...result, isOff } : result);
}

function switchedOff(method: PolicyMethod, { hostPolicies, networkPolicies }: PolicyRequestOptions): string | undefined {
  if (method === 'hostPolicy') return hostPolicies ? undefined : 'host policies (enableKubeArmorHostPolicy)';
  return method === 'networkPolicy' && !networkPolicies ? 'network policies' : undefined;
}

/** A policy is in force on trial: unless it is confirmed in time, the agent itself puts back what was before. */
async function answerTrial(method: PolicyMethod, policy: Policy, seconds: unknown, options: PolicyRequestOptions): Promise<Answer> {
  const { min, max } = TRIAL_SECONDS;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < min || seconds > max)
    return invalid(`seconds is not a whole number from ${min} to ${max}`);
  const result = await options.keeper.put(policy, seconds * 1_000);
  const given = putAnswer(method, 'ADDED', result);
  if (result.kind === 'refused' || result.kind === 'failed') return given;
  const before = result.kind === 'added' ? 'it is removed' : 'its version of before comes back';
  return { ...given, reason: `on trial: ${before} in ${seconds} s, unless it is confirmed`, trial: String(seconds) };
}

async function answerConfirm({ metadata }: Fields, { keeper }: PolicyRequestOptions): Promise<Answer> {
  const name = String(fieldsOf(metadata)['name']);
  if (!(await keeper.confirm(name))) return answer(PolicyStatus.NotExist, `no policy ${name} is on trial (any more)`);
  return { ...answer(PolicyStatus.Applied), trial: 'confirmed' };
}

function decodeEvent(bytes: Uint8Array): { readonly type: unknown; readonly object: Fields; readonly seconds: unknown } | string {
  const limit = LIMITS.documentBytes.value;
  if (bytes.length > limit) return `the policy has ${bytes.length} bytes; the limit is ${limit}`;
  try {
    const event = fieldsOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    const object = fieldsOf(event['object']);
    const { name } = fieldsOf(object['metadata']);
    return typeof name === 'string' && name !== ''
      ? { type: event['type'] ?? '', object, seconds: event['seconds'] }
      : 'object.metadata.name is missing or empty';
  } catch (error) {
    return `the request is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function kindOf(method: PolicyMethod, object: Fields): PolicyKind {
  return method === 'containerPolicy' && object['kind'] === 'KubeArmorClusterPolicy' ? 'KubeArmorClusterPolicy' : KIND_OF[method];
}

function readPolicy(method: PolicyMethod, object: Fields): { readonly policy: Policy } | Answer {
  const kind = kindOf(method, object);
  if (kind === 'KubeArmorNetworkPolicy' && fieldsOf(object['spec'])['selector'] === undefined) {
    return answer(PolicyStatus.NotEnabled, 'network policies for nodes are not enforced yet; those with a selector are');
  }
  const { policy, issues } = parsePolicyObject(object, { kind, file: 'rpc', namespace: CONTAINER_NAMESPACE });
  if (policy === undefined) return invalid(listed(issues));
  const problem = kind === 'KubeArmorPolicy' ? selectorProblem(policy) : undefined;
  return problem === undefined ? { policy } : invalid(problem);
}

/** Characters of the problems that an answer tells of: a trailer has little room. */
const LISTED_MAX = 1_900;

/** The errors, a line each, as many as there is room for, and how many there are besides. */
function listed(issues: readonly Issue[]): string {
  const lines = issues.filter(({ severity }) => severity === 'error').map(formatIssue);
  let [shown, length] = [0, 0];
  while (shown < lines.length && (shown === 0 || length + lines[shown]!.length < LISTED_MAX)) length += lines[shown++]!.length + 1;
  const more = lines.length - shown;
  return [...lines.slice(0, shown), ...(more === 0 ? [] : [`and ${more} more`])].join('\n');
}

const CONTAINER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** What KubeArmor refuses of a container policy that comes by RPC. */
function selectorProblem(policy: Policy): string | undefined {
  const problem = rpcSelectorProblem(policy);
  if (problem === 'empty') return 'spec.selector: is missing or empty; name labels or containers';
  if (problem !== undefined) return 'spec.selector.matchLabels: kubearmor.io/container.name has to be the only label';
  const wrong = policy.selector.containerNames.find((name) => !CONTAINER_NAME.test(name));
  return wrong === undefined ? undefined : `spec.selector.matchLabels: ${JSON.stringify(wrong)} is not the name of a container`;
}

function putAnswer(method: PolicyMethod, type: 'ADDED' | 'MODIFIED', result: PutResult & { readonly isOff?: boolean }): Answer {
  if (result.kind === 'refused') return invalid(result.reason);
  if (result.kind === 'failed') return answer(PolicyStatus.Failure, result.reason);
  const reason = result.isOff === true ? 'it is kept and not in force: container policies are switched off (enableKubeArmorPolicy)' : '';
  if (method === 'containerPolicy') return answer(type === 'ADDED' ? PolicyStatus.Applied : PolicyStatus.Modified, reason);
  // For the host KubeArmor's answer tells what happened, not what was asked for.
  const isChange = result.kind === 'modified' || (result.kind === 'added' && type === 'MODIFIED');
  return answer(isChange ? PolicyStatus.Modified : PolicyStatus.Applied, reason);
}

async function answerDelete(method: PolicyMethod, object: Fields, { keeper }: PolicyRequestOptions): Promise<Answer> {
  const kind = kindOf(method, object);
  const { name, namespace: written } = fieldsOf(object['metadata']);
  const isSpaced = kind === 'KubeArmorPolicy' || (kind === 'KubeArmorNetworkPolicy' && typeof written === 'string' && written !== '');
  const result = await keeper.remove({ kind, namespace: isSpaced ? CONTAINER_NAMESPACE : '', name: String(name) });
  if (result.kind === 'failed') return answer(PolicyStatus.Failure, result.reason);
  return answer(result.kind === 'removed' ? PolicyStatus.Deleted : PolicyStatus.NotExist);
}
