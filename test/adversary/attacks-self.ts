// SPDX-License-Identifier: Apache-2.0
import type { Attack } from './attacks.ts';

/** A case of test/vm. */
export const agent = (name: string): string => `agent: ${name}`;
const TAMPERED = agent('a privileged container with the node’s processes and files: agent, maps, programs, pins, policies and socket stay');
/** The case in which no agent runs. */
export const WITHOUT = agent('while no agent runs rules and self-protection hold; the next agent is protected as the one before');

/** Against what enforces the rules. */
export const OURSELVES: readonly Attack[] = [
  {
    name: 'our pins: unlink, rename, unmount, cover',
    from: 'ours',
    proofs: [TAMPERED, WITHOUT],
  },
  {
    name: 'our maps: by id, by pin',
    from: 'ours',
    proofs: ['self: our maps, programs and links cannot be opened by their ids, those of others can', TAMPERED],
  },
  {
    name: 'our programs and links: by id, by pin; detach, replace',
    from: 'ours',
    proofs: ['self: our maps, programs and links cannot be opened by their ids, those of others can', TAMPERED],
  },
  { name: 'the agent: signals', from: 'ours', proofs: ['self: signals to the agent', TAMPERED] },
  {
    name: 'the agent: a signal for a descriptor (SIGIO)',
    from: 'ours',
    proofs: ['self: a signal that the kernel sends to the agent for a descriptor (SIGIO)'],
  },
  {
    name: 'the agent: limits, priorities, processors',
    from: 'ours',
    proofs: ['self: limits, priorities and processors of the agent'],
  },
  {
    name: 'the agent: ptrace, `/proc/PID/mem`, its descriptors',
    from: 'ours',
    proofs: ['self: memory and descriptors of the agent; a debugger of the node, which has no rules, works', TAMPERED],
  },
  {
    name: 'the agent: `/proc/PID/fd`, `environ`, `root`, `exe` and `ns`',
    from: 'ours',
    proofs: ['self: what /proc shows of the agent to its like: not what it has open; what ps shows stays'],
  },
  {
    name: 'tasks of the host: ptrace, from a workload with rules',
    from: 'ours',
    proofs: ['self: memory and descriptors of the host, of a workload with rules'],
  },
  {
    name: 'its policies and state: write, remove, move, cover',
    from: 'ours',
    proofs: [
      'self: the agent’s directories cannot be written',
      'self: what leads to the agent’s directories cannot be moved or covered',
      'self: the agent’s directories under other names and in other name spaces',
      TAMPERED,
    ],
  },
  {
    name: 'their attributes, lists and flags; a bind mount that is shared at once',
    from: 'ours',
    proofs: ['self: attributes of the agent’s directories'],
  },
  {
    name: 'the same through an overlay’s upper layer',
    from: 'ours',
    proofs: [
      'self: an overlay whose upper layer leads to the agent’s directories',
      'self: an overlay with its upper layer in the agent’s directories',
    ],
  },
  {
    name: 'the same by a file’s handle',
    from: 'ours',
    proofs: ['self: a file of the agent’s opened by its handle, which has no place then'],
  },
  {
    name: 'mounts that lead there: moved, unmounted in a copy of the host’s name space, made read-only; pivot_root',
    from: 'ours',
    proofs: [
      'self: mounts of the host that lead to the agent’s directories cannot be moved away',
      'self: unmounting in a copy of the host’s mounts does not reach the host',
    ],
  },
  {
    name: 'its socket: connect, replace',
    from: 'ours',
    proofs: ['self: the agent’s socket takes no connection from a container, and stays where it is', TAMPERED],
  },
  { name: 'all of it from a workload in mode audited', from: 'ours', proofs: ['self: a workload in mode audited is refused them too'] },
  {
    name: 'pins and maps changed by root: told and set right',
    from: 'ours',
    proofs: [
      agent('root removes a pin: it is pinned again, told in the log, as an alert and by the probe file'),
      agent('root switches the rules of a workload off in the kernel, unbinds its cgroup, takes its image out: each is set right'),
    ],
  },
  {
    name: 'the agent moved to another cgroup, frozen or killed there, out of memory',
    from: 'ours',
    open: 'ending the agent by its cgroup',
  },
  {
    name: 'a kernel module, a tracing program that writes memory, a job of the host’s cron',
    from: 'ours',
    open: 'a privileged container that makes the kernel or the host act for it',
  },
  {
    name: 'a descriptor of our maps from before the programs were attached',
    from: 'ours',
    open: 'a descriptor of our maps that was taken',
  },
];
