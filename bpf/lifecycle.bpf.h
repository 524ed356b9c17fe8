/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The scope goes on to every child.
 *
 * Hook:   lsm/task_alloc, because a tracepoint could not refuse.
 * Fails:  closed. Without memory for the child's scope the fork fails (EAGAIN, COUNTER_SCOPE_FAILED).
 */
SEC("lsm/task_alloc")
int BPF_PROG(ka_task_alloc, struct task_struct *child, unsigned long clone_flags, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_scope *t, *c;

	if (ret)
		return ret;
	t = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!t)
		return 0;
	c = bpf_task_storage_get(&tasks, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c) {
		count(COUNTER_SCOPE_FAILED);
		return -EAGAIN;
	}
	__builtin_memcpy(c, t, sizeof(*c));
	return 0;
}
