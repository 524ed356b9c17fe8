// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { findCgroupRoot, readCgroupPath } from '#host';

/**
 * The directory of the agent's own cgroup: where the agent is a container itself, that one must not be bound (ADR 27). Its children would
 * have its scope for life, canaries among them.
 *
 * @returns undefined where there is no cgroup version 2, or the agent is in its root
 */
export function ownCgroupDirectory(): string | undefined {
  const root = findCgroupRoot();
  const at = readCgroupPath(process.pid, 2);
  return root === undefined || root.version !== 2 || at === undefined || at === '/' ? undefined : path.join(root.directory, at);
}

/** Whether a cgroup is, or holds, the agent's own. */
export const holdsOwn = (directory: string, own: string | undefined): boolean => own !== undefined && `${own}/`.startsWith(`${directory}/`);
