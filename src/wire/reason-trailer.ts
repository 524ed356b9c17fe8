// SPDX-License-Identifier: Apache-2.0

/**
 * Trailer of `policy.PolicyService` with the reason of an answer, percent-encoded UTF-8; absent where there is nothing to say.
 *
 * Ours: the message has no field for it. KubeArmor's agent sends none, its clients ignore it.
 */
export const REASON_TRAILER = 'kubearmor-reason';
