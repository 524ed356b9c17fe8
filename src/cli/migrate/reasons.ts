// SPDX-License-Identifier: Apache-2.0

/** The page that says each reason at length; the code is the heading’s anchor there. */
export const REASONS_PAGE = 'docs/guide/migrate.md';

/**
 * Why a verdict differs between KubeArmor 1.7 with its BPF-LSM enforcer and this product: what each does.
 *
 * @source reference: KubeArmor's enforcement, sections 3.5 to 3.9 and 6, and what was measured of it
 */
export const MIGRATION_REASONS = {
  'merged-usr': {
    theirs: 'the path is compared as written, and the kernel names the file by its real path, which never is below a link such as /bin',
    ours: 'the path as written and the file that it leads to in the container are one',
  },
  patterns: { theirs: 'patterns of Allow and Block rules do nothing with the BPF-LSM enforcer', ours: 'patterns are enforced' },
  'globs-in-paths': { theirs: 'a * in a path is a plain character: no file has it', ours: 'it is a pattern' },
  'execname-conditions': {
    theirs: 'execname together with fromSource is never looked up, together with allowedArgs every argument counts as wrong',
    ours: 'they hold for execname as for a path; rules with allowedArgs are not enforced yet',
  },
  'execname-order': { theirs: 'an exact path is looked up before execname', ours: 'both are equally specific, and Block beats Allow' },
  'allowed-args': {
    theirs: 'allowedArgs of an Allow rule restrict nothing',
    ours: 'the arguments count; rules with allowedArgs are not enforced yet',
  },
  'long-paths': {
    theirs: 'paths over 199 bytes are cut, directories over 64 bytes are never matched',
    ours: 'paths are matched up to 4096 bytes',
  },
  'nested-directories': {
    theirs: 'a directory rule without recursive below one with it is ignored',
    ours: 'the deeper directory decides',
  },
  'network-fields': {
    theirs: 'port, endPort, cidr and direction are unknown fields: the API server drops them, and the whole protocol is meant',
    ours: 'they narrow the rule',
  },
  'local-sockets': {
    theirs: 'the address family is not looked at: tcp also means AF_UNIX stream sockets, udp AF_UNIX datagrams, raw netlink',
    ours: 'tcp, udp and raw are IP; AF_UNIX and netlink are not meant',
  },
  'posture-field': {
    theirs: 'spec.defaultPosture is an unknown field and dropped',
    ours: 'it is the posture of the policy’s Allow families',
  },
  'read-only-allow-list': {
    theirs: 'where files are an allow-list a Block rule with readOnly also lets the file be read',
    ours: 'it denies writing and says nothing of reading, so the allow-list decides',
  },
  'owner-allow-list': {
    theirs: 'where there is an allow-list a Block rule with ownerOnly also lets the owner pass',
    ours: 'it denies everyone else and says nothing of the owner',
  },
  'read-only-changes': {
    theirs: 'readOnly of an Allow rule is not looked at by unlink, rename, chmod and truncate',
    ours: 'it allows reading alone',
  },
  'process-source': {
    theirs: 'fromSource of a process rule is compared with the parent process',
    ours: 'it is the program that calls execve',
  },
  'host-capabilities': { theirs: 'capability rules of host policies are not taken over', ours: 'they are enforced' },
  'untracked-namespaces': {
    theirs: 'kube-system and kubearmor are not tracked: no policy counts there',
    ours: 'policies count; see untrackedNs in the ConfigMap',
  },
  'not-accepted': { theirs: 'the API server refuses this document', ours: 'it is taken, as its author seems to have meant it' },
  'not-enforced': { theirs: 'the rule is enforced', ours: 'no enforcer here does it yet; the policy’s status says so' },
  order: { theirs: 'rules are looked up in another order, and the first that is found decides', ours: 'the most specific rule decides' },
} as const satisfies Record<string, { readonly theirs: string; readonly ours: string }>;

export type MigrationReason = keyof typeof MIGRATION_REASONS;
