/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The scope goes on to every child, and to what ran before it was bound.
 *
 * Hooks:  lsm/task_alloc, because a tracepoint could not refuse; iter/task, run by the agent after it bound a cgroup.
 * Fails:  closed. Without memory for the child's scope the fork fails (EAGAIN, COUNTER_SCOPE_FAILED).
 */
SEC("lsm/task_alloc")
int BPF_PROG(ka_task_alloc, struct task_struct *child, unsigned long clone_flags, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *x, *c;

	if (ret)
		return ret;
	x = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!x)
		return 0;
	c = bpf_task_storage_get(&tasks, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c) {
		count(COUNTER_SCOPE_FAILED);
		return -EAGAIN;
	}
	__builtin_memcpy(c, x, __builtin_offsetof(struct task, subject));
	bpf_probe_read_kernel(c->subject, x->subject_len & (SUBJECT_MAX - 1), x->subject);
	return 0;
}

#define NOT_BOUND -1
#define NOT_STARTED -2

/*
 * The scope that binds a task's cgroup, NOT_BOUND, or NOT_STARTED; as bound_scope(), for any task. Needs cgroup->ancestors
 * (6.1, 7f203bc89eb6).
 */
static __always_inline int bound_scope_of(struct task_struct *task)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	int depth = BPF_CORE_READ(cgroup, level);

	for (int level = 1; level < CGROUP_DEPTH_MAX; level++) {
		struct cgroup *above = 0;
		u32 *scope;
		u64 id;

		if (level > depth)
			return NOT_BOUND;
		bpf_probe_read_kernel(&above, sizeof(above), &cgroup->ancestors[level]);
		id = BPF_CORE_READ(above, kn, id);
		if (!id) /* the host's key */
			return NOT_BOUND;
		scope = bpf_map_lookup_elem(&bindings, &id);
		if (scope)
			return *scope & BINDING_NOT_STARTED ? NOT_STARTED : (int)*scope;
	}
	return NOT_BOUND;
}

/* The identity of a task that is being adopted: complete before any hook of that task can see it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct task);
} adopted SEC(".maps");

/* Names the program that a task runs, by the root in `x`. */
static __always_inline void name_program(struct task *x, struct file *exe)
{
	reset(x, scope_word(x->scope));
	x->mnt = (u64)BPF_CORE_READ(exe, f_path.mnt);
	x->dentry = (u64)BPF_CORE_READ(exe, f_path.dentry);
	x->access = 0;
	x->family = FAMILY_PROCESS;
	walk_shown(x);
}

/*
 * Where a task of the host has its root. A program that it executed in the host's name space is named there, whatever name space
 * the task made since; else it executed it in one of its own: a copy of the host's is a service's, another is a container's.
 */
static __always_inline void find_root(struct task *x, struct task_struct *task,
				      struct mnt_namespace *ns, struct file *exe, struct host *h)
{
	x->root = h->root;
	x->ns_seq = h->ns_seq;
	x->root_fs = h->root_fs;
	x->root_sb = h->root_sb;
	name_program(x, exe);
	if (!(x->flags & EVENT_FLAG_FOREIGN) || seq_of(ns) == h->ns_seq)
		return;
	if ((u64)BPF_CORE_READ(task, fs, root.mnt, mnt_root) != h->root_dentry)
		x->scope = OUTSIDE_SCOPE;
	root_at(x, task, ns);
	name_program(x, exe);
}

static __always_inline void know_host_root(struct host *h, struct task_struct *task,
					   struct mnt_namespace *ns)
{
	h->root = (u64)BPF_CORE_READ(ns, root);
	h->root_fs = (u64)BPF_CORE_READ(task, fs, root.mnt);
	h->root_sb = (u64)BPF_CORE_READ(task, fs, root.mnt, mnt_sb);
	h->root_dentry = (u64)BPF_CORE_READ(task, fs, root.mnt, mnt_root);
	h->ns_seq = seq_of(ns);
}

/*
 * The scope that a running task is to have; NOT_BOUND: it stays as it is. The host's gives way to a container's and to the
 * agent's.
 */
static __always_inline int wanted_scope(struct task *have, struct task_struct *task, struct host *h,
					int in_host_ns)
{
	int scope;

	if (have && is_container(have))
		return NOT_BOUND;
	scope = in_host_ns ? NOT_BOUND : bound_scope_of(task);
	if (scope != NOT_BOUND)
		return scope;
	if (!is_host_bound() || !h->ns_seq)
		return NOT_BOUND;
	if ((u32)task->tgid == h->agent)
		return have && have->scope == OUTSIDE_SCOPE ? NOT_BOUND : OUTSIDE_SCOPE;
	return have ? NOT_BOUND : HOST_SCOPE;
}

/* The first process of its pid name space. */
static __always_inline int is_init(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level), nr = 0;

	/* struct upid holds nr and its name space's pointer: 16 bytes a level */
	bpf_probe_read_kernel(&nr, 4, &pid->numbers[0].nr + (level & 31) * 4);
	return nr == 1;
}

/*
 * A task in a container's cgroup whose program is none of the container's: the runtime on its way in, whose first exec will bind it. Not so
 * the container's own init, or a child of a task that has its scope, running what has no name there (memfd).
 */
static __always_inline int is_on_its_way(struct task *x, struct task_struct *task)
{
	struct task *parent;

	if (!(x->flags & EVENT_FLAG_FOREIGN) || is_init(task))
		return 0;
	parent = bpf_task_storage_get(&tasks, task->real_parent, 0, 0);
	return !parent || !is_container(parent);
}

/*
 * Gives one running task its scope, with the program that it runs as subject. Writes a byte for each: run until none. For the agent alone,
 * as all runs share `adopted`.
 */
SEC("iter/task")
int ka_adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct mnt_namespace *ns;
	struct task *x, *have;
	struct file *exe;
	struct host *h;
	u32 zero = 0;
	int scope, in_host_ns;

	if (!task || task->flags & PF_KTHREAD || !is_agent(bpf_get_current_task_btf()))
		return 0;
	have = bpf_task_storage_get(&tasks, task, 0, 0);
	if (have && is_container(have))
		return 0;
	ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	exe = BPF_CORE_READ(task, mm, exe_file);
	x = bpf_map_lookup_elem(&adopted, &zero);
	h = bpf_map_lookup_elem(&host, &zero);
	if (!ns || !exe || !x || !h)
		return 0;
	in_host_ns = BPF_CORE_READ(ns, ns.inum) == host_mnt_ns;
	if (task->pid == 1)
		know_host_root(h, task, ns);
	scope = wanted_scope(have, task, h, in_host_ns);
	if (scope < 0)
		return 0;
	identify(x, task, ns, scope);
	if (scope == HOST_SCOPE)
		find_root(x, task, ns, exe, h);
	else
		name_program(x, exe);
	if (is_container(x) && is_on_its_way(x, task))
		return 0;
	if (SCOPE_IMAGE(x->word))
		BY_CLASS(x->word, judge, x);
	spell_program(x);
	become_program(x, task);
	/* a new one: a hook of the task's that is under way works with the old one to its end */
	if (have)
		bpf_task_storage_delete(&tasks, task);
	if (!bpf_task_storage_get(&tasks, task, x, BPF_LOCAL_STORAGE_GET_F_CREATE)) {
		count(COUNTER_SCOPE_FAILED);
		return 0;
	}
	zero = 0;
	bpf_seq_write(ctx->meta->seq, &zero, 1);
	return 0;
}
