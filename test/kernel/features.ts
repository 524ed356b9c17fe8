// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';

/** Features of kernels: the operation of stim that works, or ends with one of the errors, where the kernel has it. */
const FEATURES: Readonly<Record<string, { readonly stim: string; readonly also?: readonly string[] }>> = {
  ipv6: { stim: 'socket inet6 stream' },
  sctp: { stim: 'socket inet seqpacket 132' },
  dccp: { stim: 'socket inet dccp 33' },
  mptcp: { stim: 'socket inet stream 262' },
  udplite: { stim: 'socket inet dgram 136' },
  packet: { stim: 'socket packet raw 0' },
  smc: { stim: 'socket inet stream 256' },
  uring: { stim: 'uring' },
  userns: { stim: 'unshare user' },
};

/** Which of the features this kernel lacks. */
export function missingFeatures(stim: string, wanted: Iterable<string>): Set<string> {
  const missing = new Set<string>();
  for (const name of new Set(wanted)) {
    const feature = FEATURES[name];
    if (feature === undefined) throw new Error(`no feature is called ${name}; they are a table in features.ts`);
    const { stdout } = spawnSync(stim, [feature.stim], { encoding: 'utf8' });
    if (!['OK', ...(feature.also ?? [])].includes(stdout.trim())) missing.add(name);
  }
  return missing;
}

const PING_GROUPS = '/proc/sys/net/ipv4/ping_group_range';

/** Lets everybody open ping sockets, which the kernel's default forbids: else a refusal of ours could not be told from its own. */
export function allowPing(): Disposable {
  const before = readFileSync(PING_GROUPS, 'utf8');
  writeFileSync(PING_GROUPS, '0 2147483647');
  return { [Symbol.dispose]: () => writeFileSync(PING_GROUPS, before) };
}

/** The kernel as `uname -r` names it. */
export const kernelRelease = (): string => release();
