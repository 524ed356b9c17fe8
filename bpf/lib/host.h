/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The host as a workload: every task outside containers, but for kernel threads and the agent. Its scope is a number like a
 * container's, so all checks are the same; here is who has it. docs/adr/0021-host.md says why.
 */
#ifndef KA_HOST_H
#define KA_HOST_H

#include "scope.h"

#define LAUNCHER_PATH 128
#define LAUNCHERS_MAX 64

/* The root of the host's mount name space, and the agent. */
struct host {
	u64 root;   /* struct mount * */
	u64 ns_seq; /* 0: not known yet */
	u64 root_fs;
	u64 root_sb;
	u64 root_dentry; /* of what is mounted at the root: name spaces copied from the host's show the same */
	u32 agent; /* tgid; written by the agent before it runs ka_adopt */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct host);
} host SEC(".maps");

struct launcher_path {
	char path[LAUNCHER_PATH];
};

/* Programs, by path in the host's name space, that set up the mount name space of what they execute: enum task_flag. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LAUNCHERS_MAX);
	__type(key, struct launcher_path);
	__type(value, u32);
} launchers SEC(".maps");

static __always_inline int is_host(struct task *x)
{
	return x->scope == HOST_SCOPE;
}

/* Of a container, as opposed to the host, the agent and containers that nobody has bound. */
static __always_inline int is_container(struct task *x)
{
	return x->scope != HOST_SCOPE && x->scope != OUTSIDE_SCOPE;
}

/* The host has a scope: its key is the cgroup id that no cgroup has. */
static __always_inline int is_host_bound(void)
{
	u64 no_cgroup = 0;

	return bpf_map_lookup_elem(&bindings, &no_cgroup) != 0;
}

static __always_inline u64 mount_ns_seq(struct task_struct *task)
{
	return seq_of(BPF_CORE_READ(task, nsproxy, mnt_ns));
}

/* The current task is a launcher that has left the host's mount name space and has not executed what it launches. */
static __always_inline int sets_up(struct task *x)
{
	return x->task_flags & (TASK_LAUNCHES_SERVICE | TASK_LAUNCHES_CONTAINER) &&
	       mount_ns_seq(bpf_get_current_task_btf()) != x->ns_seq;
}

/* A runtime that runs a sealed copy of itself looks whether it is one. */
static __always_inline int reads_itself(struct task *x, struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 sealed = TASK_LAUNCHES_CONTAINER | TASK_FOREIGN;

	return (x->task_flags & sealed) == sealed && !(file->f_mode & FMODE_WRITE) &&
	       file->f_inode == BPF_CORE_READ(task, mm, exe_file, f_inode);
}

/*
 * Whether the program that spell_program() wrote is a launcher: one of root's in the first user name space, as anybody can make
 * containers of his own. A launcher that runs a sealed copy of itself, which has no path, stays one.
 */
static __always_inline u32 launcher_flags(struct task *x, struct task_struct *task, u32 before)
{
	struct launcher_path key = {};
	u32 *flags;

	if (!is_host(x) || BPF_CORE_READ(task, real_cred, uid.val) ||
	    BPF_CORE_READ(task, real_cred, user_ns, level))
		return 0;
	if (x->flags & EVENT_FLAG_FOREIGN)
		return before & (TASK_LAUNCHES_SERVICE | TASK_LAUNCHES_CONTAINER);
	if (x->cut || x->pos >= LAUNCHER_PATH)
		return 0;
	bpf_probe_read_kernel(key.path, x->pos & (LAUNCHER_PATH - 1), x->name);
	flags = bpf_map_lookup_elem(&launchers, &key);
	return flags ? *flags : 0;
}

#endif
