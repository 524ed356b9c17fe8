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

/*
 * The scope that binds a task's cgroup, if the container has started; as bound_scope(), for any task. Needs cgroup->ancestors
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
			return -1;
		bpf_probe_read_kernel(&above, sizeof(above), &cgroup->ancestors[level]);
		id = BPF_CORE_READ(above, kn, id);
		scope = bpf_map_lookup_elem(&bindings, &id);
		if (scope)
			return *scope & BINDING_NOT_STARTED ? -1 : (int)*scope;
	}
	return -1;
}

/* The identity of a task that is being adopted: complete before any hook of that task can see it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct task);
} adopted SEC(".maps");

/* Gives one running task its scope, with the program that it runs as subject. Writes a byte for each: run until none. */
SEC("iter/task")
int ka_adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct mnt_namespace *ns;
	struct file *exe;
	struct task *x;
	u32 zero = 0;
	int scope;

	if (!task || task->flags & PF_KTHREAD || bpf_task_storage_get(&tasks, task, 0, 0))
		return 0;
	scope = bound_scope_of(task);
	ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	exe = BPF_CORE_READ(task, mm, exe_file);
	if (scope < 0 || !ns || !exe || BPF_CORE_READ(ns, ns.inum) == host_mnt_ns)
		return 0;
	x = bpf_map_lookup_elem(&adopted, &zero);
	if (!x)
		return 0;
	identify(x, task, ns, scope);
	reset(x, scope_word(scope));
	x->mnt = (u64)BPF_CORE_READ(exe, f_path.mnt);
	x->dentry = (u64)BPF_CORE_READ(exe, f_path.dentry);
	x->access = 0;
	x->family = FAMILY_PROCESS;
	walk_shown(x);
	if (SCOPE_IMAGE(x->word))
		BY_CLASS(x->word, judge, x);
	spell_program(x);
	become_program(x);
	if (!bpf_task_storage_get(&tasks, task, x, BPF_LOCAL_STORAGE_GET_F_CREATE)) {
		count(COUNTER_SCOPE_FAILED);
		return 0;
	}
	zero = 0;
	bpf_seq_write(ctx->meta->seq, &zero, 1);
	return 0;
}
