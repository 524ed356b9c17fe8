// SPDX-License-Identifier: Apache-2.0
import type { Enforcer, ProtectOptions } from '#enforce';
import { selects } from '#policy';
import type { Policy, Workload } from '#policy';

/*
 * The seam for host policies: whom they govern, and how the host is put under its rules. The enforcer has no scope of the host yet,
 * so the host's processes of a case run in a cgroup and a root of their own, like a container's, and that cgroup is bound to the rule
 * set of the host: verdicts and alerts are the same. Once the enforcer has that scope, `protectHost` is what changes, with the root and
 * cgroup that node.ts makes for the host.
 */

/** The host policies that select a node. @param host as `hostWorkload` describes it, with the node's labels */
export const hostPolicies = (policies: Iterable<Policy>, host: Workload): readonly Policy[] =>
  [...policies].filter((policy) => selects(policy, host));

/** Puts the host under its rules. */
export function protectHost(enforcer: Enforcer, key: string, options: ProtectOptions): void {
  enforcer.protect(key, options);
}
