// SPDX-License-Identifier: Apache-2.0
import { AGENT_OPTIONS } from './agent-address.ts';
import type { CommandEntry, CommandGroup } from './command.ts';

/** Every command; each is loaded when it is called, so that an offline one starts fast. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    words: ['logs'],
    summary: 'print alerts and logs as they come',
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  {
    words: ['probe'],
    summary: 'say whether this node enforces policies, and what to do if not',
    load: async () => (await import('./commands/probe.ts')).probe,
  },
  {
    words: ['policy', 'check'],
    summary: 'report every problem in policy files, without an agent',
    load: async () => (await import('./commands/policy-check.ts')).policyCheck,
  },
  {
    words: ['vm', 'policy', 'add'],
    summary: 'send policies to the agent of this machine',
    load: async () => (await import('./commands/vm-policy-add.ts')).vmPolicyAdd,
  },
  {
    words: ['vm', 'policy', 'delete'],
    summary: 'take policies back',
    load: async () => (await import('./commands/vm-policy-delete.ts')).vmPolicyDelete,
  },
  {
    words: ['vm', 'policy', 'list'],
    summary: 'list the policies that the agent has, by container and host',
    load: async () => (await import('./commands/vm-policy-list.ts')).vmPolicyList,
  },
  {
    words: ['completion'],
    summary: 'print a completion script for bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completionOf({ commands: COMMANDS, groups: GROUPS }),
  },
  {
    words: ['version'],
    summary: 'print the versions of this program and of the agent',
    load: async () => (await import('./commands/version.ts')).version,
  },
];

/** Words that only group commands. Options of a group may stand anywhere below it: KubeArmor’s `karmor vm --gRPC=… policy add`. */
export const GROUPS: readonly CommandGroup[] = [
  { words: ['policy'], summary: 'work with policy files' },
  { words: ['vm'], summary: 'an agent without Kubernetes', options: AGENT_OPTIONS },
  { words: ['vm', 'policy'], summary: 'policies of an agent without Kubernetes' },
];

/** What KubeArmor's tool has or its documents name, and this version does not; each is refused by name. */
export const PLANNED: readonly (readonly string[])[] = [
  ['discover'],
  ['install'],
  ['profile'],
  ['recommend'],
  ['rotate-tls'],
  ['selfupdate'],
  ['simulate'],
  ['summary'],
  ['sysdump'],
  ['uninstall'],
  ['upgrade'],
  ['policy', 'diff'],
  ['policy', 'explain'],
  ['policy', 'lint'],
  ['policy', 'match'],
  ['policy', 'promote'],
  ['policy', 'test'],
];
