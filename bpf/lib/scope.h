/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Whose task is it. A task in a bound cgroup gets its scope at the first exec outside the runtime's mount name space
 * and keeps it for life; every fork inherits it (lifecycle.bpf.h). docs/adr/0004-scope.md says why.
 */
#ifndef KA_SCOPE_H
#define KA_SCOPE_H

#include "kernel.h"
#include "../image.h"
#include "../event.h"

#define SCOPES_MAX 16384
#define BINDINGS_MAX 65536
#define CGROUP_DEPTH_MAX 16
/* longest subject path kept; a longer one is of class unknown after a policy change */
#define SUBJECT_MAX 256
#define COMPONENTS_MAX 64

#define HOST_SCOPE 0 /* the host: tasks outside containers (lib/host.h) */
#define OUTSIDE_SCOPE \
	(SCOPES_MAX - 1) /* the agent, and containers that nobody has bound: its word is always 0 */

/*
 * A scope's word: image id | slot << 32 | size class << 46 | enum scope_mode << 48 | image flags << 52. Without an image
 * id nothing is enforced; 0 also says that nothing is observed.
 */
#define SCOPE_IMAGE(v) ((u32)(v))
#define SCOPE_SLOT(v) ((u32)((v) >> 32) & 0x3fff)
#define SCOPE_CLASS(v) ((u32)((v) >> 46) & 3)
#define SCOPE_AUDITED(v) ((u32)((v) >> 48) & SCOPE_MODE_AUDITED)
#define SCOPE_WANTS(v) ((u32)((v) >> 48))
#define WANTS_IMAGE(flags) \
	((flags) << 4) /* image flags as bits of SCOPE_WANTS, beside enum scope_mode */
#define SCOPE_FLAGS(v) ((u32)((v) >> 52) & 0xfff)

#define APPLET_UNKNOWN 0xffffffffU /* of a multi-call binary: Block rules for any applet match */

#define CLASS_NOBODY 0  /* subject class: no subject of any rule */
#define CLASS_UNKNOWN 1 /* subject class: matches the subjects of Block rules only */

#define NET_TOLD_POSTURE (1ULL << 32) /* in net_told: the default posture; else an Audit rule */

enum task_flag {
	TASK_RUNTIME = 1,      /* the first exec has not completed */
	TASK_SUBJECT_LONG = 2, /* `subject` holds only the beginning of the path */
	TASK_FOREIGN =
		4, /* the program's name is of another name space: no subject of an Allow rule */
	TASK_LAUNCHES_SERVICE = 8,    /* the host's only: the service manager (lib/host.h) */
	TASK_LAUNCHES_CONTAINER = 16, /* the host's only: a container runtime */
};

/* of task.mute */
#define MUTE_AUDITS 1 /* an Audit rule spoke already, a Block rule may have to in mode audited */
#define MUTE_ALL 2    /* judged for the second object of one access */

struct hit {
	u32 rank;
	u32 rule;
	u32 verdict;
	u32 audit_rank;
	u32 audit_rule;
	u32 audit;
};

struct walk {
	u64 dentry;
	u64 mnt;  /* struct mount *; 0: within the superblock only */
	u64 root; /* dentry at the mount's root */
	u32 n;
	u32 inside; /* of them, those of mounts that the walk has left */
	u32 below;  /* components below the object's own mount */
	u32 crossed;
	u32 stop;
};

/*
 * A task with a scope: who it is, which its children inherit up to `subject_len` and `subject`, and the working memory of a
 * check (too big for the stack, and per-CPU memory would be mixed up by preemption). Only the task itself writes here, but for
 * its parent before it runs.
 */
struct task {
	u64 classed; /* the scope's word for which `subject_class` was computed */
	u64 root;    /* struct mount * of the root of the mount name space at the first exec */
	u64 ns_seq;  /* and that name space's sequence number: never reused */
	u64 root_fs; /* struct vfsmount * of the container's root directory, and its superblock: what shows it */
	u64 root_sb; /* again under another name is matched by its own names too */
	u64 caps;    /* bounding set at the first exec: the most that its programs may have */
	u32 depth;   /* and how deep its user name space lies */
	u32 scope;
	u32 subject_class;
	u32 task_flags; /* enum task_flag */
	u32 subject_len;
	char subject[SUBJECT_MAX];
	/* in */
	u64 word;
	u64 mm; /* struct mm_struct * and address of the arguments of an exec; 0: none */
	u64 argv;
	u64 mnt; /* struct vfsmount * */
	u64 dentry;
	u64 judged_exec; /* struct file * of the exec that was judged last, if nothing was since */
	u64 listener; /* struct listener * that acts, and not the current task; 0: the task itself */
	u32 access;
	u32 hook;
	u32 argc;
	u32 applet; /* hash of the applet's name that a multi-call binary is called by */
	u32 owner;  /* 1: the task owns the object */
	u32 family;
	u32 open_flags;
	/* the walk */
	struct walk walk;
	u32 n;       /* components seen; the COMPONENTS_MAX nearest the root are kept */
	u32 flags;   /* enum event_flag, as of the first name */
	u32 bare;    /* the first component has no slash before it (memfd) */
	u32 partial; /* the mount shows only part of its superblock */
	u32 flat;    /* run over `name` (length `len`) instead of the components */
	u32 block_only;
	u32 walked;  /* `comp` and what belongs to it are the object's already */
	u32 any_hit; /* some rule matched */
	u32 told;    /* this access raised an alert already */
	u32 mute;    /* ... and is not told of again: MUTE_AUDITS or MUTE_ALL that is not denied */
	u32 alias; /* another name of an object that was judged: only Block rules count, no posture, no audit */
	/* out */
	u32 record_class;
	u32 record;
	/* loops */
	u32 s;      /* state */
	u32 len;    /* of `name` */
	u32 at;     /* entry under examination */
	u32 search; /* kind of access */
	u32 found;
	u32 hash;
	u32 prefix;
	u32 self;
	u32 outcome;
	u32 rule;
	u32 pos; /* where a string is being built */
	u32 cut;
	u32 silent; /* no alert */
	u32 times;  /* events that the record stands for */
	u64 fold;   /* names what later counts belong to */
	struct hit hit[2];
	/* socket and capability of the event, if `other` is set */
	u32 other;
	u32 capability;
	u32 net_op;
	u64 net_told; /* what was told when the last socket was made: an image, and NET_TOLD_POSTURE */
	u64 net_seen;    /* and that was this socket, of the image that judges now: it is told */
	u32 addr_family; /* of peer[]: an IPv4 address in an IPv6 socket is IPv4 */
	u32 peer[4];
	u32 rule_protocol; /* as rules speak of it; sock_protocol is as the socket has it */
	u16 sock_domain;
	u16 sock_type;
	u16 sock_protocol;
	u16 sock_port;
	u32 sock_addr[4];
	u64 comp[COMPONENTS_MAX]; /* struct dentry * of each component */
	char name[512];           /* a component; more where reads at an offset must stay inside */
};

/* 0 or 1 from a global function that the compiler, but not the verifier, knows to give nothing else. */
static __always_inline int bit(int value)
{
	asm volatile("" : "+r"(value));
	return value & 1;
}

/* Word of a scope, by scope number; written by the agent, one store swaps a whole rule set. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCOPES_MAX);
	__type(key, u32);
	__type(value, u64);
} scopes SEC(".maps");

/* In a binding: the container has not started, what is in its cgroup is the runtime's and is left alone until it executes. */
#define BINDING_NOT_STARTED (1U << 31)
#define BINDING_SCOPE(v) ((v) & ~BINDING_NOT_STARTED)

/* Scope number, and BINDING_NOT_STARTED, by cgroup v2 id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BINDINGS_MAX);
	__type(key, u64);
	__type(value, u32);
} bindings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task);
} tasks SEC(".maps");

/* Counters of enum counter, per CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_COUNT);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");

static __always_inline void count(u32 which)
{
	u64 *n = bpf_map_lookup_elem(&counters, &which);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/* The number of the scope that binds the current task's cgroup or, before it, an ancestor: the outermost wins. -1: none. */
static __always_inline int bound_scope(void)
{
	for (int level = 1; level < CGROUP_DEPTH_MAX; level++) {
		u64 id = bpf_get_current_ancestor_cgroup_id(level);
		u32 *scope;

		if (!id)
			return -1;
		scope = bpf_map_lookup_elem(&bindings, &id);
		if (scope)
			return BINDING_SCOPE(*scope);
	}
	return -1;
}

/* The current word of a scope; 0 when nothing is enforced. */
static __always_inline u64 scope_word(u32 scope)
{
	u64 *word = bpf_map_lookup_elem(&scopes, &scope);

	return word ? *(volatile u64 *)word : 0;
}

#endif
