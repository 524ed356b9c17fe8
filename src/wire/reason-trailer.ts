// SPDX-License-Identifier: Apache-2.0

/**
 * Trailer of `policy.PolicyService` with the reason of an answer, percent-encoded UTF-8; absent where there is nothing to say.
 *
 * Ours: the message has no field for it. KubeArmor's agent sends none, its clients ignore it.
 */
export const REASON_TRAILER = 'kubearmor-reason';

/**
 * Trailer of `policy.PolicyService` where a request was about a trial: `SECONDS` that the policy is in force unless it is confirmed,
 * or `confirmed`. A client that sent a trial and does not find it spoke to an agent that knows none.
 */
export const TRIAL_TRAILER = 'kubearmor-trial';

/**
 * Types of a policy event beside KubeArmor's ADDED, MODIFIED and DELETED. KubeArmor's agent changes nothing for a type that it does
 * not know.
 */
export const TRIAL_TYPE = 'ADDED_FOR';
export const CONFIRM_TYPE = 'CONFIRMED';
