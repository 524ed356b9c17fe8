// SPDX-License-Identifier: Apache-2.0

/** Hook names as KubeArmor prints them behind `lsm=`. */
export type HookName =
  | 'SECURITY_BPRM_CHECK'
  | 'FILE_OPEN'
  | 'FILE_PERMISSION'
  | 'FILE_RECEIVE'
  | 'MMAP_FILE'
  | 'FILE_MKNOD'
  | 'FILE_UNLINK'
  | 'FILE_MKDIR'
  | 'FILE_RMDIR'
  | 'FILE_SYMLINK'
  | 'FILE_LINK'
  | 'FILE_RENAME'
  | 'FILE_CHMOD'
  | 'FILE_CHOWN'
  | 'FILE_TRUNCATE'
  | 'FILE_SETXATTR'
  | 'MOUNT'
  | 'SOCKET_CREATE'
  | 'SOCKET_CONNECT'
  | 'SOCKET_BIND'
  | 'SOCKET_LISTEN'
  | 'SOCKET_ACCEPT'
  | 'SOCKET_SENDMSG'
  | 'CAPABLE'
  | 'BPF'
  | 'TASK_KILL'
  | 'PTRACE'
  | 'UNIX_CONNECT'
  | 'TASK_SETRLIMIT'
  | 'TASK_SETSCHEDULER'
  | 'TASK_SETNICE'
  | 'TASK_SETIOPRIO'
  | 'FILE_IOCTL';

/** One record of a kernel ring, decoded. Strings are what the kernel gave, invalid UTF-8 replaced by U+FFFD. */
export interface KernelEvent {
  /** Nanoseconds since boot (CLOCK_BOOTTIME). */
  readonly bootNs: bigint;
  /** Which workload. */
  readonly scopeId: number;
  /** Which compiled image decided; with `ruleId` it names the rule. */
  readonly imageId: number;
  /** Index into the image's rules, or undefined for a default posture or telemetry. */
  readonly ruleId: number | undefined;
  /**
   * `denied`: refused · `audited`: passed, an Audit rule or an audit posture matched · `would-deny`: passed because the
   * workload's mode is `audited` · `observed`: telemetry, no rule.
   */
  readonly outcome: 'denied' | 'audited' | 'would-deny' | 'observed';
  readonly hook: HookName;
  /** How many identical events this record stands for, at least 1. */
  readonly count: number;
  readonly hostPid: number;
  readonly hostPpid: number;
  /** In the task's own pid namespace. */
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  /** Like `pts0`; empty for none. */
  readonly tty: string;
  readonly comm: string;
  readonly cwd: string;
  /** Executable of the acting task, as of its exec; for an exec the program that calls execve. */
  readonly subject: string;
  /** Executable of its parent. */
  readonly parent: string;
  /** For process and file hooks: the object's path in the workload's mount namespace; a rename's or link's source. */
  readonly path: string;
  /** For an exec: arguments after argv[0]; empty if unknown. */
  readonly args: readonly string[];
  readonly openFlags?: number | undefined;
  readonly socket?: SocketInfo | undefined;
  /** Capability number. */
  readonly capability?: number | undefined;
  /** An attempt on the enforcement itself, refused whatever the rules of the workload are. */
  readonly tampering?: Tampering | undefined;
}

export interface Tampering {
  /** TASK_KILL: the signal. PTRACE: PTRACE_MODE_*. TASK_SETRLIMIT: RLIMIT_*. BPF: 1 a map, 2 a program, 3 a link; of files nothing. */
  readonly number: number;
  /** TASK_* and PTRACE: host pid of the target. */
  readonly target: number;
}

export interface SocketInfo {
  /** AF_*, SOCK_* (without flags), IPPROTO_* numbers. */
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
  /** Peer or local address where the hook knows one. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}
