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
    words: ['install'],
    summary: 'install KubeArmor into a cluster, or on this machine',
    load: async () => (await import('./commands/install.ts')).installCommand,
  },
  {
    words: ['upgrade'],
    summary: 'bring what is installed to this version, or to other flags',
    load: async () => (await import('./commands/install.ts')).upgradeCommand,
  },
  {
    words: ['uninstall'],
    summary: 'take KubeArmor out of a cluster or this machine, and end enforcement there',
    load: async () => (await import('./commands/install.ts')).uninstallCommand,
  },
  {
    words: ['probe'],
    summary: 'say whether this node or a cluster enforces policies, and what to do if not',
    load: async () => (await import('./commands/probe.ts')).probe,
  },
  {
    words: ['policy', 'check'],
    summary: 'report every problem in policy files, without an agent',
    load: async () => (await import('./commands/policy-check.ts')).policyCheck,
  },
  {
    words: ['policy', 'lint'],
    summary: 'find rules that do not do what they seem to, without an agent',
    load: async () => (await import('./commands/policy-lint.ts')).policyLint,
  },
  {
    words: ['policy', 'test'],
    summary: 'run tests of policies: accesses and the verdicts they should have, without an agent',
    load: async () => (await import('./commands/policy-test.ts')).policyTest,
  },
  {
    words: ['policy', 'diff'],
    summary: 'say which verdicts change between two sets of policies, or how a cluster drifted from files',
    load: async () => (await import('./commands/policy-diff.ts')).policyDiff,
  },
  {
    words: ['policy', 'list'],
    summary: 'list the policies of a cluster with their effect, and who changed them',
    load: async () => (await import('./commands/policy-list.ts')).policyList,
  },
  {
    words: ['policy', 'status'],
    summary: 'say where policies of a cluster are in force, where not, and why',
    load: async () => (await import('./commands/policy-status.ts')).policyStatus,
  },
  {
    words: ['policy', 'match'],
    summary: 'say which pods and nodes policies select now',
    load: async () => (await import('./commands/policy-match.ts')).policyMatch,
  },
  {
    words: ['explain'],
    summary: 'say why an access would be denied or allowed, without an agent',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  {
    words: ['vm', 'policy', 'add'],
    summary: 'send policies to the agent of this machine',
    load: async () => (await import('./commands/vm-policy-add.ts')).vmPolicyAdd,
  },
  {
    words: ['vm', 'policy', 'confirm'],
    summary: 'keep policies that were added on trial',
    load: async () => (await import('./commands/vm-policy-confirm.ts')).vmPolicyConfirm,
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
    words: ['migrate'],
    summary: 'move over from KubeArmor 1.7: what decides otherwise, backup and restore of its objects',
    load: async () => (await import('./commands/migrate.ts')).migrate,
  },
  {
    words: ['sysdump'],
    summary: 'collect what helps to find out why something does not work in a cluster, without its secrets',
    load: async () => (await import('./commands/sysdump.ts')).sysdump,
  },
  {
    words: ['rotate-tls'],
    summary: 'have the certificates of a cluster’s installation made anew',
    load: async () => (await import('./commands/rotate-tls.ts')).rotateTlsCommand,
  },
  {
    words: ['selfupdate'],
    summary: 'renew this program from a release that is named',
    load: async () => (await import('./commands/selfupdate.ts')).selfupdate,
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

/** What scripts call, and no person: in no help. */
export const HIDDEN: readonly CommandEntry[] = [
  {
    words: ['__complete'],
    summary: 'names for completion',
    load: async () => (await import('./commands/complete-names.ts')).completeNames,
  },
];

/** Words that only group commands. Options of a group may stand anywhere below it: KubeArmor’s `karmor vm --gRPC=… policy add`. */
export const GROUPS: readonly CommandGroup[] = [
  { words: ['policy'], summary: 'work with policies, in files and in a cluster' },
  { words: ['vm'], summary: 'an agent without Kubernetes', options: AGENT_OPTIONS },
  { words: ['vm', 'policy'], summary: 'policies of an agent without Kubernetes' },
];

export interface PlannedCommand {
  readonly words: readonly string[];
  /** What does it, or a part of it, until then. */
  readonly instead?: string;
}

const LEARN = '`karmor logs --logFilter=all --json` shows what a container does';

/** What KubeArmor's tool has or its documents name, and this version does not; each is refused by name. */
export const PLANNED: readonly PlannedCommand[] = [
  { words: ['discover'], instead: LEARN },
  { words: ['profile'], instead: '`karmor logs --logFilter=all`' },
  { words: ['recommend'], instead: LEARN },
  { words: ['simulate'], instead: '`karmor explain`; `action: Audit` in the policy, and `karmor logs`' },
  { words: ['summary'], instead: '`karmor logs --logFilter=all`' },
  { words: ['policy', 'promote'] },
];
