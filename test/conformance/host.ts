// SPDX-License-Identifier: Apache-2.0
import type { Enforcer, ProtectOptions } from '#enforce';
import { selects } from '#policy';
import type { Policy, Workload } from '#policy';

/*
 * The seam for host policies: whom they govern, and how the host is put under its rules. A case names files of a machine of its own
 * (/home/user/…, /etc/…), so the host's processes of a case run in a cgroup and a root of their own, like a container's, and that cgroup
 * is bound to the rule set of the host: verdicts and alerts are the same. That the host's own scope holds is what the kernel cases
 * `host:` show.
 */

/** The host policies that select a node. @param host as `hostWorkload` describes it, with the node's labels */
export const hostPolicies = (policies: Iterable<Policy>, host: Workload): readonly Policy[] =>
  [...policies].filter((policy) => selects(policy, host));

/** Puts the host under its rules. */
export function protectHost(enforcer: Enforcer, key: string, options: ProtectOptions): void {
  enforcer.protect(key, options);
}
