/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Records of the rings. The only place where they are written; see image.h. */
#ifndef KA_EVENT_H
#define KA_EVENT_H

#define EVENT_PATH_MAX 4096

enum hook {
	HOOK_SECURITY_BPRM_CHECK = 1,
	HOOK_FILE_OPEN,
	HOOK_FILE_PERMISSION,
	HOOK_FILE_RECEIVE,
	HOOK_MMAP_FILE,
	HOOK_FILE_MKNOD,
	HOOK_FILE_UNLINK,
	HOOK_FILE_MKDIR,
	HOOK_FILE_RMDIR,
	HOOK_FILE_SYMLINK,
	HOOK_FILE_LINK,
	HOOK_FILE_RENAME,
	HOOK_FILE_CHMOD,
	HOOK_FILE_CHOWN,
	HOOK_FILE_TRUNCATE,
	HOOK_FILE_SETXATTR,
	HOOK_MOUNT,
	HOOK_SOCKET_CREATE,
	HOOK_SOCKET_CONNECT,
	HOOK_SOCKET_BIND,
	HOOK_SOCKET_LISTEN,
	HOOK_SOCKET_ACCEPT,
	HOOK_SOCKET_SENDMSG,
	HOOK_CAPABLE,
	HOOK_BPF,
	HOOK_TASK_KILL,
	HOOK_PTRACE,
	HOOK_UNIX_CONNECT,
	HOOK_TASK_SETRLIMIT,
	HOOK_TASK_SETSCHEDULER,
	HOOK_TASK_SETNICE,
	HOOK_TASK_SETIOPRIO,
	HOOK_FILE_IOCTL,
};

enum outcome {
	OUTCOME_DENIED = 1,
	OUTCOME_AUDITED = 2,
	OUTCOME_WOULD_DENY = 3,
	OUTCOME_OBSERVED = 4,
};

#define EVENT_NO_RULE 0xffffffffU

/* Head of every record; then the strings one after the other: subject, parent, path, arguments (each ended by 0). */
struct event {
	unsigned long long boot_ns;
	unsigned int scope;
	unsigned int image;
	unsigned int rule;
	unsigned int count;
	unsigned short hook;
	unsigned char outcome;
	unsigned char flags; /* enum event_flag */
	unsigned int host_pid;
	unsigned int host_ppid;
	unsigned int pid;
	unsigned int ppid;
	unsigned int uid;
	unsigned int open_flags;
	unsigned int capability;
	unsigned short sock_domain;
	unsigned short sock_type;
	unsigned short sock_protocol;
	unsigned short sock_port; /* host byte order */
	unsigned char sock_addr[16];
	unsigned short subject_len;
	unsigned short parent_len;
	unsigned short path_len;
	unsigned short args_len;
	char comm[16];
	char tty[16];
	unsigned long long fold; /* names what later counts belong to; 0: nothing is folded */
	unsigned short argc;
	unsigned short pad;
	unsigned int pad2;
};

/* How often an event came again since it was last written: value of the maps `folds` and `log_folds`. */
struct fold {
	unsigned long long id;
	unsigned long long emitted_ns; /* CLOCK_MONOTONIC */
	unsigned int pending;
	unsigned int pad;
};

/* How the start gate stands; written by the agent. This and struct held stay as they are from version to version. */
struct gate {
	unsigned int mode; /* enum gate_mode */
	unsigned int pad;
	unsigned long long beat_ns; /* CLOCK_MONOTONIC: when an agent was there last */
};

enum gate_mode {
	GATE_OFF = 0, /* nobody waits */
	GATE_OPEN_WITHOUT_AGENT = 1,
	GATE_SHUT_WITHOUT_AGENT = 2,
};

/* In which cgroups nobody waits. */
enum settled_kind {
	SETTLED_ALONE = 1,
	SETTLED_CHILDREN_TOO =
		2, /* the agent's own pod: its next container starts while no agent is there to let it go */
};

/* A process whose exec waits, by its id. */
struct held {
	unsigned long long cgroup; /* id */
	unsigned long long
		start_ns; /* CLOCK_BOOTTIME: when the process started, with its id names it for good */
	unsigned long long since_ns; /* CLOCK_MONOTONIC */
};

enum event_flag {
	EVENT_FLAG_FOREIGN = 1, /* the path is of another name space or root */
	EVENT_FLAG_UNKNOWN = 2, /* the path is not whole */
	EVENT_FLAG_CUT = 4,     /* a string did not fit */
	EVENT_FLAG_SELF =
		8, /* an attempt on the enforcement itself, refused whatever the rules are */
};

/* Losses and oddities, one slot each per CPU. */
enum counter {
	COUNTER_ALERTS,      /* alerts generated: delivered, folded or lost */
	COUNTER_ALERTS_LOST, /* no room in the ring, or no buffer */
	COUNTER_LOGS,        /* the same of telemetry */
	COUNTER_LOGS_LOST,
	COUNTER_SCOPE_FAILED, /* no memory: the fork, exec or listen failed; a running task stays without rules */
	COUNTER_FOREIGN,
	COUNTER_UNKNOWN,
	COUNTER_NO_IMAGE,       /* a scope's image was not there: denied */
	COUNTER_REQUEST_FAILED, /* a request for a connection that could not be judged: refused */
	COUNTER_REPEATS_LOST, /* written by the agent: repetitions of alerts that it could not tell of */
	COUNTER_LOG_REPEATS_LOST, /* the same of telemetry */
	COUNTER_HELD,             /* execs that waited for the agent at the start gate */
	COUNTER_GATE_OPEN, /* ... that did not, as no agent was heard of: judged by no rules until adopted */
	COUNTER_GATE_FAILED, /* ... that could not be made to wait: refused */
	COUNTER_GATE_EXPIRED, /* written by the agent: that were let go as no runtime told of their container in time */
	COUNTER_COUNT,
};

#endif
