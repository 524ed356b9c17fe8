/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Capabilities, as the task itself uses them.
 *
 * Hooks:  lsm/capable, and lsm/uring_override_creds, which would let a task check with other credentials.
 * Fails:  closed. A check that the kernel marks "no audit" is denied without an alert. The kernel's own checks with other
 *         credentials (overlayfs copies up with the mounter's) pass.
 */

static __always_inline int uses_uring(struct task_struct *task)
{
	return task->flags & PF_IO_WORKER ||
	       (bpf_core_field_exists(task->io_uring) && BPF_CORE_READ(task, io_uring));
}

/*
 * Whether the task asks for itself. A worker of io_uring, and a task with a request that was put off or that names registered
 * credentials, works with another copy than its own: never with more than the container may have, as those of the kernel's
 * own checks mostly are.
 */
static __always_inline int is_own(struct task_struct *task, const struct cred *cred)
{
	struct task *x;
	u64 caps = 0;

	if (cred == task->real_cred)
		return 1;
	if (!uses_uring(task))
		return 0;
	x = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!x)
		return 0;
	if ((u32)BPF_CORE_READ(cred, user_ns, level) > x->depth)
		return 1;
	bpf_probe_read_kernel(&caps, 8, &cred->cap_effective);
	return !(caps & ~x->caps);
}

SEC("lsm/capable")
int BPF_PROG(ka_capable, const struct cred *cred, struct user_namespace *ns, int cap, u32 opts,
	     int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task *x;

	if (ret || !is_own(task, cred))
		return ret;
	x = begin(WANTS_IMAGE(IMAGE_FLAG_CAP));
	if (!x)
		return 0;
	x->family = FAMILY_CAPABILITIES;
	x->hook = HOOK_CAPABLE;
	x->other = 1;
	x->capability = cap;
	x->access = 1;
	x->silent = (opts & CAP_OPT_NOAUDIT) != 0;
	return conclude(x, BY_CLASS(x->word, judge_cap, x)) ? -EPERM : 0;
}

/* Registered credentials are judged as the task's own where they can be; others are refused where capabilities have rules. */
SEC("lsm/uring_override_creds")
int BPF_PROG(ka_uring_override_creds, const struct cred *cred, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 word;

	if (ret || is_own(task, cred))
		return ret;
	return wanting(WANTS_IMAGE(IMAGE_FLAG_CAP), &word) && !SCOPE_AUDITED(word) ? -EPERM : 0;
}
